"""Forgetting a person: `Erased` on each of their streams, then the private parts are unset (protocol.md E1).

The account is closed before (by the gateway). `erase` is called again once no command from before that can land any
more: 10 minutes of a token's life, 10 s of an attempt's and 5 s of an insert's.
"""

from collections.abc import Sequence
from typing import Any

from shared.command import Command
from shared.contracts.base import kind_of
from shared.eventlog.log import EventLog
from shared.store.port import Store

CHUNK = 500


async def streams_of(store: Store, citizen: str) -> dict[str, int]:
    """The person's streams and their newest version, by a scan of the log (views may be behind)."""
    found: dict[str, int] = {}
    async for commits in store["commits"].scan(fields=("stream", "last")):
        for commit in commits:
            if citizen in commit["stream"].split(":"):
                found[commit["stream"]] = max(commit["last"], found.get(commit["stream"], 0))
    return found


async def erase(store: Store, log: EventLog, citizen: str, command: Command) -> list[str]:
    """Erase the person from every stream of this service; asking again changes nothing. The streams it touched.

    Scanned until nothing new is found: only a stream that says `Erased` may lose its private parts, since views and
    memories forget by that alone.
    """
    erased: set[str] = set()
    while True:
        found = {name: last for name, last in (await streams_of(store, citizen)).items() if _can_forget(log, name)}
        if erased.issuperset(found):
            break
        for stream in found.keys() - erased:
            aggregate = log.aggregates[kind_of(stream)]
            assert aggregate.erased is not None
            await log.append_erased(stream, aggregate.erased, command)
            erased.add(stream)
    await sweep(store, found)
    return sorted(erased)


def _can_forget(log: EventLog, stream: str) -> bool:
    aggregate = log.aggregates.get(kind_of(stream))
    return aggregate is not None and aggregate.erased is not None


async def sweep(store: Store, streams: dict[str, int]) -> None:
    """Unset the private parts of these streams' commits up to the version named. The only update a commit ever sees."""
    for stream, last in streams.items():
        ids = [f"{stream}@{version}" for version in range(1, last + 1)]
        for start in range(0, len(ids), CHUNK):
            await unset(store, ids[start : start + CHUNK])


async def unset(store: Store, ids: Sequence[str]) -> Any:
    return await store["commits"].update({"_id": {"$in": list(ids)}}, {"$unset": {"private": ""}})
