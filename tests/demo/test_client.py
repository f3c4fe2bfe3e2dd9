"""The client is patient: cut off, sent away, asked to sign in again, it asks with the same key until it is told something."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.demo.arrivals import Arrivals
from deploy.demo.client import Client, Person, new_key
from deploy.demo.compare import Told
from deploy.demo.wire import Unreachable, Wire
from shared.http.idempotency import key_of
from shared.http.keys import make_keys
from shared.http.roles import Role
from shared.settings import load_settings

OK = b'HTTP/1.1 201 Created\r\ncontent-length: 14\r\n\r\n{"version": 1}'
AWAY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\n{}"
BROKEN = b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\n{}"
CUT = b"HTTP/1.1 201 Created\r\ncontent-length: 14\r\n\r\n{"


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    """A server that gives these answers, one a request, the last for ever; its address and the requests it got."""
    left, got, writers = list(answers), list[str](), list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        while True:
            try:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
            except asyncio.IncompleteReadError:
                break
            length = re.search(r"Content-Length: (\d+)", head)
            got.append(head + (await reader.readexactly(int(length[1]))).decode() if length else head)
            answer = left.pop(0) if len(left) > 1 else left[0]
            writer.write(answer)
            await writer.drain()
            if answer == CUT:
                break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", got
        for writer in writers:
            writer.close()
        await asyncio.sleep(0.02)  # both ends see that it is over


@pytest.fixture
def person(tmp_path: Path) -> Person:
    make_keys(tmp_path / "keys")
    return Person(load_settings({}, home=tmp_path), "a" * 32, Role.CITIZEN)


async def test_the_same_key_is_sent_until_there_is_an_answer(person: Person) -> None:
    busy = json.dumps({"type": "urn:hamkke:problem:busy"}).encode()
    busy = b"HTTP/1.1 409 Conflict\r\ncontent-length: %d\r\n\r\n%s" % (len(busy), busy)
    async with answering(CUT, AWAY, busy, OK) as (base, got):
        client = Client(base)
        answer = await client.command(person, "/calls/c/applications", {"answers": {"motive": "밤길"}})
        client.close()
    assert answer.accepted
    assert answer.body == {"version": 1}
    keys = [re.search(r"Idempotency-Key: (\S+)", request) for request in got]
    assert len(got) == 4
    assert len({key[1] for key in keys if key}) == 1
    assert all(request.endswith('{"answers":{"motive":"밤길"}}') for request in got)
    assert dict(client.counts) == {"asked": 4, "retries": 3, "unreachable": 1, "away": 1}


async def test_a_refusal_is_an_answer_and_so_is_a_service_that_keeps_breaking(person: Person) -> None:
    refusal = b'HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 19\r\n\r\n{"en": "Not today"}'
    async with answering(refusal) as (base, got):
        client = Client(base)
        answer = await client.command(person, "/calls")
        client.close()
        assert (answer.accepted, answer.why, len(got)) == (False, "Not today", 1)
    async with answering(BROKEN) as (base, got):
        client = Client(base)
        answer = await client.command(person, "/calls")
        client.close()
        assert (answer.status, answer.why, len(got)) == (500, "HTTP 500", 5)


async def test_keys_are_of_the_form_that_services_take_and_never_the_same() -> None:
    keys = {new_key() for _ in range(1_000)}
    assert len(keys) == 1_000
    now = time.time()
    assert all(abs(key_of(key, now)[1] - now) < 5 for key in keys)


@pytest.mark.parametrize(
    "answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", CUT]
)
async def test_what_is_no_whole_answer_is_unreachable(answer: bytes) -> None:
    async with answering(answer) as (base, _):
        wire = Wire(base, 0.3)
        with pytest.raises(Unreachable):
            await wire.request("GET", "/", {}, None)
        wire.close()


async def test_connections_are_kept_and_replaced_when_they_were_closed() -> None:
    async with answering(OK) as (base, got):
        wire = Wire(base, 1)
        for _ in range(3):
            assert (await wire.request("GET", "/", {}, None)).status == 201
        assert len(wire._idle) == 1
        wire._idle[0][1].close()
        assert (await wire.request("GET", "/", {}, None)).status == 201
        wire.close()
    assert len(got) == 4


async def test_what_was_told_is_asked_for_only_until_it_has_arrived() -> None:
    versions: dict[str, int] = {}
    asked: list[list[str]] = []

    def place() -> Callable[[Sequence[str]], Awaitable[dict[str, int]]]:
        async def look(streams: Sequence[str]) -> dict[str, int]:
            asked.append(sorted(streams))
            return {stream: versions[stream] for stream in streams if stream in versions}

        return look

    told = [Told("a", 1, "x"), Told("b", 1, "x")]
    arrivals = Arrivals(told, place())
    versions["a"] = 1
    assert await arrivals.look() == 1
    told.append(Told("a", 2, "y"))
    versions |= {"b": 1}
    assert await arrivals.look() == 1
    assert asked == [["a", "b"], ["a", "b"]]
    versions["a"] = 2
    assert await arrivals.look() == 0
    assert (arrivals.count, asked[-1]) == (3, ["a"])
    assert await arrivals.look() == 0
    assert len(asked) == 3
