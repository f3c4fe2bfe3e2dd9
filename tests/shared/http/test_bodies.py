"""Bodies that are not what they should be: a problem with the field's name, never a 5xx, never an echo."""

import gzip
import json
import random
from typing import Any

import httpx
import pytest

from shared.http.problems import BodyUnreadable
from shared.http.strict import parse
from shared.settings import Settings
from tests.shared.http.tiny import bearer, uuid7

NOTE = "/notes/" + "ab" * 16
SECRET_WORD = "Zw3tschge"


async def send(client: httpx.AsyncClient, settings: Settings, body: bytes, **headers: str) -> httpx.Response:
    given = bearer(settings) | {"idempotency-key": uuid7(), "content-type": "application/json"} | headers
    return await client.post(NOTE, content=body, headers=given)


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b'{"word":"x"', 400, "body"),
        (b"", 422, "body"),
        (b"null", 422, "body"),
        (b"[]", 422, "body"),
        (b'"word"', 422, "body"),
        (b'{"word":"\xff"}', 400, "body"),
        (b'\xef\xbb\xbf{"word":"x"}', 400, "body"),
        ('{"word":"x"}'.encode("utf-16"), 400, "body"),
        (b'{"word":"x","count":NaN}', 400, "count"),
        (b'{"word":"x","count":-Infinity}', 400, "count"),
        (b'{"word":"x","count":1e400}', 400, "count"),
        (b'{"word":"x","count":1' + b"0" * 400 + b"}", 400, "count"),
        (b'{"word":"x","count":1' + b"0" * 20_000 + b"}", 400, "count"),
        (b'{"word":"x","count":9007199254740992}', 400, "count"),
        (b'{"word":"x","count":18446744073709551616}', 400, "count"),
        (b'{"word":"x","count":1.5}', 422, "count"),
        (b'{"word":"x","count":"1"}', 422, "count"),
        (b'{"word":"x","count":true}', 422, "count"),
        (b'{"word":"x","count":-1}', 422, "count"),
        (b'{"word":"x","word":"y"}', 400, "word"),
        (b'{"word":"x","w\\u006frd":"y"}', 400, "word"),
        (b'{"word":"x","texts":{"a":"b","a":"c"}}', 400, "texts.a"),
        ('{"word":"x","texts":{"\u1100\u1161":"b","\uac00":"c"}}'.encode(), 400, "texts"),
        (b'{"word":"x","texts":{"a":"b\\u0000c"}}', 400, "texts.a"),
        (b'{"word":"x","texts":{"a\\u0000":"b"}}', 400, "texts.?"),
        (b'{"word":"x","texts":{"a":"\\ud800"}}', 400, "texts.a"),
        (b'{"word":"x","texts":{"\\udfff":"a"}}', 400, "texts.?"),
        (b'{"word":"x","unknown":1}', 422, "unknown"),
        (b'{"word":"x","due":"2026-02-30T10:00:00Z"}', 422, "due"),
        (b'{"word":"x","due":"2026-02-03T24:61:00Z"}', 422, "due"),
        (b'{"word":"x","due":"2026-02-03T10:00:00"}', 422, "due"),
        (b'{"word":"x","due":"0001-01-01T00:00:00+14:00"}', 422, "due"),
        (b'{"word":"x","due":1700000000}', 422, "due"),
        (b'{"word":"x","texts":' + b'{"a":' * 900 + b"1" + b"}" * 901, 400, None),
        (b'{"word":"x","texts":{"a":' + b"[" * 14 + b"]" * 14 + b"}}", 422, "texts.a"),
        (b'{"word":"x","texts":{"a":' + b"[" * 15 + b"]" * 15 + b"}}", 400, None),
        (b"[" * 30_000, 400, "body"),
        (b"[" * 30_000 + b"]" * 30_000, 400, "body"),
    ],
)
async def test_what_is_wrong_with_a_body_is_told_by_field(
    client: httpx.AsyncClient, settings: Settings, body: bytes, status: int, field: str | None
) -> None:
    answer = await send(client, settings, body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == status
    assert field is None or field in [flaw["field"] for flaw in told["errors"]]


@pytest.mark.parametrize("times", [1000, 1023, 1024, 5000])
@pytest.mark.parametrize(("opening", "closing"), [(b'{"a":', b"}"), (b"[", b"]"), (b'[{"a":', b"}]")])
async def test_no_depth_is_too_deep_to_be_refused(
    client: httpx.AsyncClient, settings: Settings, opening: bytes, closing: bytes, times: int
) -> None:
    deep = opening * times + b"1" + closing * times
    for body in (deep, b'{"word":"x","texts":{"a":' + deep + b"}}"):
        assert (await send(client, settings, body)).status_code == 400


@pytest.mark.parametrize("body", [b'{"a":' * 100_000 + b"1" + b"}" * 100_000, b"[" * 100_000 + b"]" * 100_000])
def test_no_depth_is_too_deep_to_be_told(body: bytes) -> None:
    with pytest.raises(BodyUnreadable) as problem:
        parse(body, 16)
    assert problem.value.status == 400


async def test_a_problem_never_repeats_what_was_sent(client: httpx.AsyncClient, settings: Settings) -> None:
    bodies: list[Any] = [
        {"word": f"{SECRET_WORD} {SECRET_WORD}"},
        {"word": "x", "count": SECRET_WORD},
        {"word": "x", "due": f"2026-02-30T{SECRET_WORD}"},
        {"word": "x", "texts": SECRET_WORD},
        {"word": "x", f"{SECRET_WORD} 010-1234-5678": 1},
        SECRET_WORD,
    ]
    for body in bodies:
        answer = await send(client, settings, json.dumps(body).encode())
        assert answer.status_code == 422
        assert SECRET_WORD not in answer.text


async def test_a_body_that_is_too_large_is_refused(client: httpx.AsyncClient, settings: Settings) -> None:
    fits = b'{"word":"x"' + b" " * (settings.body_limit - 12) + b"}"
    assert (await send(client, settings, fits)).status_code == 201
    assert (await send(client, settings, fits + b" ")).status_code == 413


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/json; charset=euc-kr",
        "application/json-patch+json",
        "application/json; profile=x",
        "",
    ],
)
async def test_only_json_in_utf_8_is_read(client: httpx.AsyncClient, settings: Settings, media_type: str) -> None:
    answer = await send(client, settings, b'{"word":"x"}', **{"content-type": media_type})
    assert answer.status_code == 415


@pytest.mark.parametrize("media_type", ["application/json; charset=UTF-8", 'Application/JSON;charset="utf-8"'])
async def test_utf_8_may_be_said_in_several_ways(
    client: httpx.AsyncClient, settings: Settings, media_type: str
) -> None:
    assert (await send(client, settings, b'{"word":"x"}', **{"content-type": media_type})).status_code == 201


async def test_a_compressed_body_is_not_read(client: httpx.AsyncClient, settings: Settings) -> None:
    answer = await send(client, settings, gzip.compress(b'{"word":"x"}'), **{"content-encoding": "gzip"})
    assert answer.status_code == 415


async def test_text_is_the_same_text_however_it_was_composed(client: httpx.AsyncClient, settings: Settings) -> None:
    headers = {"idempotency-key": uuid7()}
    composed = await send(client, settings, '{"word":"x","texts":{"a":"\uac00"}}'.encode(), **headers)
    decomposed = await send(client, settings, '{"texts":{"a":"\u1100\u1161"},"word":"x"}'.encode(), **headers)
    assert composed.status_code == decomposed.status_code == 201
    assert composed.content == decomposed.content


async def test_a_command_without_a_body_takes_none(client: httpx.AsyncClient, settings: Settings) -> None:
    for body, status in ((b"", 200), (b"{}", 200), (b'{"a":1}', 422), (b"{", 400)):
        headers = bearer(settings) | {"idempotency-key": uuid7(), "content-type": "application/json"}
        assert (await client.post(NOTE + "/touch", content=body, headers=headers)).status_code == status


async def test_random_bytes_are_never_a_server_error(client: httpx.AsyncClient, settings: Settings) -> None:
    dice = random.Random(1)
    whole = '{"word":"x","count":12,"due":"2026-02-03T10:00:00Z","texts":{"a":"가\\u00e9:","b":"c"}}'.encode()
    for _ in range(400):
        body = bytearray(whole)
        for _ in range(dice.randint(1, 4)):
            body[dice.randrange(len(body))] = dice.choice(b'{}[]":,\\0e9-nt\x00\xff \xed')
        answer = await send(client, settings, bytes(body))
        assert answer.status_code < 500, (bytes(body), answer.text)
