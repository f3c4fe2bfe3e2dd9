"""Reads: 304 while nothing changed, pages by cursor, and lists that wait for one's own write."""

import time

import httpx
import pytest

from shared.settings import Settings
from tests.shared.http.tiny import bearer, uuid7

NOTE = "/notes/" + "ab" * 16


@pytest.mark.parametrize(
    ("if_none_match", "status"),
    [
        ('"1"', 304), ('W/"1"', 304), ('"7", "1"', 304), ("*", 304), ('"2"', 200), ('"11"', 200), ("1", 400), ('"1', 400),
    ],
)  # fmt: skip
async def test_what_stayed_is_304(
    client: httpx.AsyncClient, settings: Settings, if_none_match: str, status: int
) -> None:
    await client.post(NOTE, json={"word": "x"}, headers=bearer(settings) | {"idempotency-key": uuid7()})
    answer = await client.get(NOTE, headers={"if-none-match": if_none_match})
    assert answer.status_code == status
    if status != 400:
        assert answer.headers["etag"] == '"1"'
    if status == 304:
        assert answer.content == b""


async def test_pages_lead_through_the_whole_list_once(client: httpx.AsyncClient, settings: Settings) -> None:
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        query = {"limit": "3"} | ({"after": after} if after else {})
        page = (await client.get("/rows", params=query, headers=bearer(settings))).json()
        seen += [row["id"] for row in page["items"]]
        after = page["next"]
    assert seen == [f"r{number:04d}" for number in range(7)]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=201", "limit=-1", "limit=x", "limit=1.0", "limit=%D9%A3", "limit=", "limit=1&limit=2",
        "after=", "after=x", "after=!!!", "after=%00", "after=%FF", "after=" + "A" * 5000, "limit=" + "1" * 5000,
        "after=eyIkZ3QiOiIifQ",
    ],
)  # fmt: skip
async def test_a_malformed_page_is_400_by_name(client: httpx.AsyncClient, settings: Settings, query: str) -> None:
    answer = await client.get(f"/rows?{query}", headers=bearer(settings))
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_a_cursor_of_another_list_or_a_changed_one_is_refused(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    cursor = (await client.get("/rows?limit=3", headers=bearer(settings))).json()["next"]
    assert (await client.get(f"/rows?after={cursor}", headers=bearer(settings))).status_code == 200
    changed = cursor[:-2] + ("A" if cursor[-2] != "A" else "B") + cursor[-1]
    assert (await client.get(f"/rows?after={changed}", headers=bearer(settings))).status_code == 400


async def test_a_list_waits_a_second_and_then_says_that_it_is_not_there_yet(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    started = time.monotonic()
    answer = await client.get("/rows", headers=bearer(settings) | {"read-after": "note:slow@1"})
    assert 0.9 < time.monotonic() - started < 5
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (await client.get("/rows", headers=bearer(settings) | {"read-after": "note:ab@7"})).status_code == 200


async def test_a_stream_that_one_may_not_ask_about_is_answered_as_one_that_does_not_exist(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    started = time.monotonic()
    foreign = await client.get("/rows", headers=bearer(settings) | {"read-after": "note:foreign@1"})
    assert 0.9 < time.monotonic() - started < 5
    unknown = await client.get("/rows", headers=bearer(settings) | {"read-after": "note:slow@1"})
    assert (foreign.status_code, foreign.json()["type"]) == (unknown.status_code, unknown.json()["type"])
    assert foreign.status_code == 503


@pytest.mark.parametrize(
    "header", ["", "note", "note:a", "note:a@", "note:a@0", "note:a@x", "a" * 500 + "@1", "note:a@1@2"]
)
async def test_a_malformed_read_after_is_400(client: httpx.AsyncClient, settings: Settings, header: str) -> None:
    assert (await client.get("/rows", headers=bearer(settings) | {"read-after": header})).status_code == 400


@pytest.mark.parametrize("path", ["/notes/%00", "/notes/%FF", "/notes/ab%00", "/notes/%ED%A0%80"])
async def test_a_path_with_nul_or_broken_utf_8_is_400(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "path"


@pytest.mark.parametrize(
    "path", ["/notes/x", "/notes/" + "AB" * 16, "/notes/" + "a" * 5000, "/nothing", "/notes/../rows2"]
)
async def test_an_id_in_no_possible_form_is_404(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404
