"""Forgetting a person: `Erased` on each of their streams, then the private parts are unset (protocol.md E1).

The account is closed before (by the gateway). `sweep` is called again once no older command can land any more.
"""

from collections.abc import Sequence
from typing import Any

from shared.command import Command
from shared.contracts.base import kind_of
from shared.eventlog.log import EventLog
from shared.store.port import Store

LANDED = 10 * 60 + 5 + 10  # seconds until no token, no insert and no attempt from before the closing can be alive
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
    """Erase the person from every stream of this service; asking again changes nothing. The streams it touched."""
    erased = []
    for stream in await streams_of(store, citizen):
        aggregate = log.aggregates.get(kind_of(stream))
        if aggregate is None or aggregate.erased is None:
            continue
        await log.append_erased(stream, aggregate.erased, command)
        erased.append(stream)
    await sweep(store, await streams_of(store, citizen))
    return erased


async def sweep(store: Store, streams: dict[str, int]) -> None:
    """Unset the private parts of these streams' commits up to the version named. The only update a commit ever sees."""
    for stream, last in streams.items():
        ids = [f"{stream}@{version}" for version in range(1, last + 1)]
        for start in range(0, len(ids), CHUNK):
            await unset(store, ids[start : start + CHUNK])


async def unset(store: Store, ids: Sequence[str]) -> Any:
    return await store["commits"].update({"_id": {"$in": list(ids)}}, {"$unset": {"private": ""}})
