"""What only shows on a socket: bodies without a length, torn requests, odd bytes."""

import time

import httpx
import pytest

from shared.settings import Settings
from tests.shared.http.served import served, spoken
from tests.shared.http.tiny import bearer, tiny, uuid7

NOTE = "/notes/" + "ab" * 16


def head(settings: Settings, *more: str, path: str = NOTE, method: str = "POST") -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: tiny",
        f"authorization: {bearer(settings)['authorization']}",
        f"idempotency-key: {uuid7()}",
        "content-type: application/json",
        *more,
    ]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def chunk(size: int) -> bytes:
    return b"%x\r\n" % size + b" " * size + b"\r\n"


async def test_a_body_without_a_length_is_cut_off_at_the_limit(settings: Settings) -> None:
    async with served(tiny(settings)) as port:
        small = head(settings, "connection: close", "transfer-encoding: chunked") + b'c\r\n{"word":"x"}\r\n0\r\n\r\n'
        assert (await spoken(port, small)).startswith(b"HTTP/1.1 201")
        started = time.monotonic()
        endless = [chunk(16_384)] * 40
        heard = await spoken(port, head(settings, "transfer-encoding: chunked"), *endless, pause=0.005)
        assert heard.startswith(b"HTTP/1.1 413"), heard[:200]
        assert b"application/problem+json" in heard
        assert time.monotonic() - started < 10


async def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(settings: Settings) -> None:
    async with served(tiny(settings)) as port:
        for announced in ("65537", "99999999999", "9" * 40):
            heard = await spoken(port, head(settings, "connection: close", f"content-length: {announced}"))
            assert heard.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400")), heard[:200]


@pytest.mark.parametrize(
    "path",
    [
        NOTE + "?a=%FF",
        "/rows?limit=%00",
        "/rows?after=\xff",
        "/\xff",
        "/%",
        "/%zz",
        "//",
        "/rows;x",
        "/rows#x",
        "*",
        "/../../x",
    ],
)
async def test_odd_paths_and_queries_are_never_a_server_error(settings: Settings, path: str) -> None:
    async with served(tiny(settings)) as port:
        heard = await spoken(port, head(settings, "connection: close", path=path, method="GET"))
        assert heard == b"" or heard.split(b" ")[1][:1] in (b"2", b"4"), heard[:200]


@pytest.mark.parametrize(
    "header", ["accept-language: \xff\xfe", "traceparent: \xff", "x: " + "y" * 20_000, "if-match: \xff"]
)
async def test_odd_headers_are_never_a_server_error(settings: Settings, header: str) -> None:
    async with served(tiny(settings)) as port:
        heard = await spoken(port, head(settings, "connection: close", "content-length: 12", header) + b'{"word":"x"}')
        assert heard.split(b" ")[1][:1] in (b"2", b"4"), heard[:200]


async def test_a_client_that_hangs_up_leaves_the_service_well(settings: Settings) -> None:
    async with served(tiny(settings)) as port:
        for _ in range(20):
            await spoken(port, head(settings, "content-length: 500") + b'{"word":', patience=0.05)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/health/ready")).status_code == 200
