"""Commands over HTTP: keys, versions, repeats, and what a receipt says."""

import httpx
import pytest

from shared.http.roles import Role
from shared.settings import Settings
from tests.shared.http.tiny import bearer, uuid7

NOTE = "/notes/" + "ab" * 16
DAY = 86_400.0


async def put(
    client: httpx.AsyncClient, settings: Settings, key: str | None, word: str = "x", **headers: str
) -> httpx.Response:
    given = bearer(settings) | ({} if key is None else {"idempotency-key": key}) | headers
    return await client.post(NOTE, json={"word": word}, headers=given)


async def test_a_command_is_answered_with_its_receipt(client: httpx.AsyncClient, settings: Settings) -> None:
    answer = await put(client, settings, uuid7())
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.json() == {"id": "ab" * 16, "stream": "note:" + "ab" * 16, "version": 1}


async def test_a_repeat_is_answered_as_the_first_was(client: httpx.AsyncClient, settings: Settings) -> None:
    key = uuid7()
    first = await put(client, settings, key)
    await put(client, settings, uuid7(), "other")
    for form in (key, f'"{key}"', key.upper()):
        again = await put(client, settings, form)
        assert (again.status_code, again.content, again.headers["etag"]) == (201, first.content, first.headers["etag"])


async def test_a_key_used_for_another_body_is_refused(client: httpx.AsyncClient, settings: Settings) -> None:
    key = uuid7()
    await put(client, settings, key)
    answer = await put(client, settings, key, "other")
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:hamkke:problem:idempotency-key-reused"


async def test_an_answer_that_changed_nothing_is_not_bound_to_its_key(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    operator, key = bearer(settings, Role.PROGRAM_OPERATOR), {"idempotency-key": uuid7()}
    refused = await client.post(f"{NOTE}/close", headers=operator | key | {"if-match": '"1"'})
    assert refused.status_code == 412, "there is no note yet"
    await put(client, settings, uuid7())
    other_body = {"reason": "done"}
    closed = await client.post(f"{NOTE}/close", json=other_body, headers=operator | key | {"if-match": '"1"'})
    assert (closed.status_code, closed.json()["version"]) == (200, 2)
    another = {"idempotency-key": uuid7(), "if-match": '"2"'}
    for body in (None, other_body):
        idle = await client.post(f"{NOTE}/close", json=body, headers=operator | another)
        assert (idle.status_code, idle.json()["version"]) == (200, 2)


async def test_a_key_of_another_person_is_another_key(client: httpx.AsyncClient, settings: Settings) -> None:
    key = uuid7()
    await put(client, settings, key)
    answer = await put(client, settings, key, "other", **bearer(settings, sub="d" * 32))
    assert (answer.status_code, answer.json()["version"]) == (201, 2)


@pytest.mark.parametrize(
    ("key", "status"),
    [
        (None, 400),
        ("", 400),
        ("1", 400),
        ("'", 400),
        ('"', 400),
        ("f47ac10b-58cc-4372-a567-0e02b2c3d479", 400),
        (uuid7()[:-1], 400),
        (f'"{uuid7()}', 400),
        (f"{uuid7()}, {uuid7()}", 400),
        (uuid7(-6.01 * DAY), 422),
        (uuid7(-5.9 * DAY), 201),
        (uuid7(0.6 * DAY), 422),
        (uuid7(0.4 * DAY), 201),
    ],
    ids=[f"key {number}" for number in range(13)],  # the keys themselves differ in every process
)
async def test_keys_are_uuid7_of_the_last_six_days(
    client: httpx.AsyncClient, settings: Settings, key: str | None, status: int
) -> None:
    assert (await put(client, settings, key)).status_code == status


async def test_a_key_given_twice_is_refused(client: httpx.AsyncClient, settings: Settings) -> None:
    headers = [*bearer(settings).items(), ("idempotency-key", uuid7()), ("idempotency-key", uuid7())]
    answer = await client.post(NOTE, json={"word": "x"}, headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("if_match", "status"),
    [
        ('"1"', 201), ('"0"', 412), ('"2"', 412), ("1", 400), ('W/"1"', 400), ("*", 400), ('"01"', 400), ('"1", "2"', 400),
        ('"-1"', 400), ('"x"', 400), ('"9999999999999999"', 400), ('"999999999999999"', 412), ("", 400),
    ],
)  # fmt: skip
async def test_if_match_is_one_strong_version(
    client: httpx.AsyncClient, settings: Settings, if_match: str, status: int
) -> None:
    await put(client, settings, uuid7())
    answer = await put(client, settings, uuid7(), "y", **{"if-match": if_match})
    assert answer.status_code == status


async def test_a_command_on_a_version_wants_it_named(client: httpx.AsyncClient, settings: Settings) -> None:
    await put(client, settings, uuid7())
    headers = bearer(settings, Role.PROGRAM_OPERATOR) | {"idempotency-key": uuid7()}
    assert (await client.post(f"{NOTE}/close", headers=headers)).status_code == 428
    answer = await client.post(f"{NOTE}/close", headers=headers | {"if-match": '"1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    refused = await put(client, settings, uuid7())
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:hamkke:problem:note-is-closed")


async def test_a_commit_knows_its_trace_and_conversation(client: httpx.AsyncClient, settings: Settings) -> None:
    store = client._transport.app.runtime.store  # type: ignore[attr-defined]
    trace, conversation = "4bf92f3577b34da6a3ce929d0e0e4736", "0192f3a1-0000-7000-8000-00000000cafe"
    headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01", "correlation-id": conversation}
    await put(client, settings, uuid7(), **headers)
    await put(client, settings, uuid7(), **{"traceparent": "forged", "correlation-id": "call me at 010-1234-5678"})
    first, second = (await store["commits"].find({}, sort=[("first", 1)]))[:2]
    assert first["trace"][3:35] == trace
    assert first["correlation"] == conversation
    assert second["trace"][3:35] != trace
    assert "010" not in second["correlation"] or len(second["correlation"]) == 32
