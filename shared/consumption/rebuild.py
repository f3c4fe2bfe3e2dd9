"""Rebuilding a view blue/green: the next generation is filled beside the live one, compared, switched in.

Only remembering consumers can be rebuilt: what a deciding one did was done on our own log.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared.broker.port import Broker
from shared.canonical import sha256
from shared.consumption.consumer import Consumer, Mode
from shared.consumption.generations import Generations, suffix
from shared.consumption.shell import Shell
from shared.store.port import Collection, Doc, Store

CATCH_UPS = 60
PAUSE = 0.5  # seconds between catch-ups


class CannotRebuild(Exception):
    """Says why, in words for an operator."""


@dataclass(frozen=True)
class Rebuilt:
    """What came of a rebuild: how many documents, whether they equal the live ones at equal versions, the hash."""

    documents: int
    equal: bool
    digest: str
    generation: int


class Rebuild:
    """One rebuild. `progress(records)` is told how many records were read since the last call."""

    def __init__(
        self, consumer: Consumer, store: Store, broker: Broker, progress: Callable[[int], None] = lambda records: None
    ) -> None:
        if consumer.mode is Mode.DECIDES:
            raise CannotRebuild(f"{consumer.name} decides: only remembering consumers can be rebuilt")
        self._consumer, self._store, self._broker, self._progress = consumer, store, broker, progress
        self._generations = Generations(store)
        self._cluster, self._settled = "", dict[tuple[str, int], int]()

    async def run(self) -> Rebuilt:
        """Fill, compare, switch; until then the live view is untouched. Raises CannotRebuild, StoreAway, BrokerAway."""
        live = await self._generations.current(self._consumer.collection)
        following = live + 1
        names = {self._consumer.collection + suffix(following), self._consumer.guards + suffix(following)}
        for name in names:
            await self._store[name].drop()
        for keys in self._consumer.indexes:
            await self._store[self._consumer.collection + suffix(following)].index(*keys)
        shell = Shell(self._consumer, self._store, generation=following)
        await shell.forget_parked(following)  # of a rebuild that was broken off
        for _ in range(CATCH_UPS):
            await self._catch_up(shell)
            if not await self._behind(live, following):
                break
            await asyncio.sleep(PAUSE)
        else:
            raise CannotRebuild("the topics hold less than the live view has seen: run hamkke events replay first")
        equal, documents, digest = await self._compare(live, following)
        await self._generations.switch(self._consumer.collection, following)
        await shell.forget_parked(live)
        await self._catch_up(shell)  # what a live process settled into the old generation just before the switch
        return Rebuilt(documents, equal, digest, following)

    async def _catch_up(self, shell: Shell) -> None:
        """Settle what the topics hold beyond what this rebuild settled before: settled once is settled for good."""
        cluster = await self._broker.cluster_id()  # so that what is dead already is not dead twice
        if cluster != self._cluster:
            self._cluster, self._settled = cluster, {}
        for topic in self._consumer.topics:
            async for records in self._broker.read(topic):
                new = [raw for raw in records if raw.offset > self._settled.get((topic, raw.partition), -1)]
                await shell.settle(new, cluster)
                self._settled |= {(topic, raw.partition): raw.offset for raw in new}
                self._progress(len(records))
        if await self._broker.cluster_id() != cluster:
            self._cluster = ""  # emptied meanwhile: those offsets mean nothing any more

    async def _behind(self, one: int, other: int) -> int:
        """Streams whose guard is further in `one` than in the `other` generation (protocol.md R2)."""
        there = await versions(self._store[self._consumer.guards + suffix(other)])
        return sum(
            there.get(stream, 0) < version
            for stream, version in (await versions(self._store[self._consumer.guards + suffix(one)])).items()
        )

    async def _compare(self, live: int, following: int) -> tuple[bool, int, str]:
        old, new = self._consumer.collection + suffix(live), self._consumer.collection + suffix(following)
        before, after = await documents(self._store[old]), await documents(self._store[new])
        if await self._behind(following, live) or await self._behind(live, following):  # what is at equal versions
            equal = all(
                after[name] == document
                for name, document in before.items()
                if name in after and after[name].get("version") == document.get("version")
            )
        else:
            equal = before == after
        return equal, len(after), digest(after)


async def versions(guards: Collection) -> dict[str, int]:
    """Stream -> version of all guards."""
    found: dict[str, int] = {}
    async for batch in guards.scan(fields=("version",)):
        found |= {document["_id"]: document["version"] for document in batch}
    return found


async def documents(view: Collection) -> dict[str, Doc]:
    found: dict[str, Doc] = {}
    async for batch in view.scan():
        found |= {document["_id"]: document for document in batch}
    return found


def digest(view: dict[str, Any]) -> str:
    """The canonical hash of a view: equal documents, equal hash, whatever the store's order."""
    return sha256(*(repr(sorted_document(view[name])).encode() for name in sorted(view)))


def sorted_document(value: Any) -> Any:
    """The same value with every mapping in key order."""
    if isinstance(value, dict):
        return [(key, sorted_document(value[key])) for key in sorted(value)]
    if isinstance(value, list | tuple):
        return [sorted_document(item) for item in value]
    return value
