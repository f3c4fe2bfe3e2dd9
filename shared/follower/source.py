"""The log as it grows: resumed from a token, or scanned from its start (or from surely before a time) when it must be.

Within a stream commits come in order; some may come twice; none is left out.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import timedelta

from shared import moments
from shared.store.port import ChangeStream, Collection, Doc, StreamLost, Token

OVERLAP = timedelta(minutes=15)
IDLE = 1.0  # seconds after which an empty batch is handed on, so that idle work can be done

Batch = tuple[list[Doc], Token | None]
"""Commits, and the token behind them; no token while a scan is under way."""


async def follow(commits: Collection, token: Token | None, at: str | None) -> AsyncGenerator[Batch, None]:
    """All commits behind the token, for ever. `at`: the time of the last one done. Raises StoreAway."""
    stream = None
    if token is not None:
        try:
            stream = await commits.watch(token)
        except StreamLost:
            token = None
    try:
        while True:
            if stream is None:
                stream = await commits.watch()  # opened first, scanned then: nothing falls between (F5)
                async for scanned in scan(commits, at):
                    yield scanned, None
                yield [], stream.token
            try:
                batch = await stream.batch(IDLE)
            except StreamLost:
                await stream.close()
                stream = None
                continue
            yield batch, stream.token
    finally:
        await _closed(stream)


async def scan(commits: Collection, at: str | None = None) -> AsyncIterator[list[Doc]]:
    """The log in stream order; with `at`, what was written since 15 minutes before it. Raises StoreAway."""
    where, expected = None, defaultdict[str, int](lambda: 1)
    if at is not None:
        where = {"at": {"$gt": moments.text(moments.moment(at) - OVERLAP)}}
        async for found in commits.scan(where, fields=("stream", "first")):
            for commit in found:
                stream, first = commit["stream"], commit["first"]
                expected[stream] = min(first, expected.get(stream, first))
    held: dict[str, Doc] = {}  # by the `_id` they will be asked for: the store's order need not be the streams'
    async for found in commits.scan(where):
        ready: list[Doc] = []
        for commit in found:
            held[commit["_id"]] = commit
            following: Doc | None = commit
            while following and following["first"] == expected[following["stream"]]:
                del held[following["_id"]]
                ready.append(following)
                expected[following["stream"]] = following["last"] + 1
                following = held.get(f"{following['stream']}@{following['last'] + 1}")
        if ready:
            yield ready
    if held:  # behind a gap that lies before `at`: in order, at least
        yield sorted(held.values(), key=lambda commit: (commit["stream"], commit["first"]))


async def ahead(batches: AsyncGenerator[Batch, None]) -> AsyncGenerator[Batch, None]:
    """The same batches, the next one being read while one is worked on."""

    async def following() -> Batch | None:
        return await anext(batches, None)

    reading = asyncio.create_task(following())
    try:
        while (batch := await reading) is not None:
            reading = asyncio.create_task(following())
            yield batch
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await batches.aclose()


async def _closed(stream: ChangeStream | None) -> None:
    if stream is not None:
        await stream.close()
