"""The shell around one consumer: it settles every record of a batch, whatever its bytes, or says that it could not.

Order of writes: dead and parked documents, effects, guards; then the caller acknowledges (C2). Nothing is cached over
a batch: another process may own the partition by then (C5).
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from shared import moments
from shared.broker.port import Incoming
from shared.consumption import shelf
from shared.consumption.consumer import Consumer, Mode
from shared.consumption.effects import Effects
from shared.consumption.generations import Generations, suffix
from shared.consumption.settle import Candidate, Guard, Settled, settle_stream
from shared.contracts.cloudevents import Record, Unreadable, read_record
from shared.store.port import Doc, Store

log = logging.getLogger("hamkke.consumption")

PASSES = 8
QUICK_TRIES = 3
GAP_ALARM = 60.0  # seconds


class NotSettled(Exception):
    """Other processes kept moving the same guards: read the batch again."""


class Shell:
    """One consumer's shell. `event_log` is what a deciding consumer's functions get. `clock` gives aware datetimes."""

    def __init__(
        self,
        consumer: Consumer,
        store: Store,
        event_log: Any = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        generation: int | None = None,
    ) -> None:
        self.consumer, self._store, self._log, self._clock = consumer, store, event_log, clock
        self._shelf, self._generations, self._fixed = shelf.Shelf(store), Generations(store), generation
        self._known = generation or 0  # 0: not asked yet
        self.counts: Counter[str] = Counter()

    async def prepare(self) -> None:
        """Make sure of the indexes. Raises StoreAway."""
        await self._shelf.prepare()
        await self._generation()
        for keys in self.consumer.indexes:
            await self._store[self.consumer.collection + suffix(self._known)].index(*keys)

    async def settle(self, raws: Iterable[Incoming], cluster: str) -> None:
        """Settle these records of one cluster; returning means each is applied, waiting or dead, for good.

        Raises StoreAway, NotSettled: then nothing may be acknowledged, and all of it may be settled again.
        """
        dead: list[Doc] = []
        streams: defaultdict[str, list[Candidate]] = defaultdict(list)
        for raw in raws:
            try:
                record = read_record(raw)
                if self.consumer.unknown_major(record.type):
                    raise Unreadable(f"unknown major version: {record.type}")
            except Unreadable as why:
                dead.append(shelf.dead(cluster, self.consumer.name, raw, str(why), self._clock()))
            else:
                streams[record.stream].append(Candidate(raw, record, cluster))
        await self._bury(dead)
        await self._until_settled(streams)

    async def sweep(self) -> None:
        """Another look at what is parked and due, and at what somebody wants redriven. Raises StoreAway, NotSettled."""
        now = self._clock()
        waiting = await self._shelf.due(self.consumer.name, await self._generation(), now)
        await self._alarm(waiting, now)
        await self._until_settled({document["stream"]: [] for document in waiting})  # a pass reads what is parked there
        await self._shelf.still_waiting([document["_id"] for document in waiting], now)
        for document in await self._shelf.to_redrive(self.consumer.name):
            await self.settle([shelf.raw_of(document)], document["cluster"])
            await self._shelf.redriven(document["_id"])

    async def forget_parked(self, generation: int) -> None:
        """Let go of what is parked for a generation that nobody reads any more. Raises StoreAway."""
        await self._shelf.forget(self.consumer.name, generation)

    async def _until_settled(self, streams: dict[str, list[Candidate]]) -> None:
        if not streams:
            return
        for _ in range(PASSES):
            if await self._pass(streams):
                return
        raise NotSettled

    async def _pass(self, streams: dict[str, list[Candidate]]) -> bool:
        generation = self._known or await self._generation()  # asked again before the records are acknowledged
        effects = Effects(self.consumer, self._store, suffix(generation), self._log)
        _, together = await asyncio.gather(effects.load(list(streams)), self._with_parked(streams))
        settled = await self._settle_streams(effects, together)
        if not await self._set_aside(effects, settled):
            return False
        moved = {stream: one.guard for stream, one in settled.items() if one.guard != effects.guard(stream)}
        if not await effects.write(moved):
            return False
        await self._shelf.mark([name for one in settled.values() for name in one.done], shelf.DONE)
        if await self._generation() != generation:
            return False  # switched meanwhile: the same records belong into the new generation too
        for one in settled.values():
            self.counts.update(one.counts)
        return True

    async def _settle_streams(self, effects: Effects, streams: dict[str, list[Candidate]]) -> dict[str, Settled]:
        async def apply(record: Record) -> bool:
            tries = QUICK_TRIES if self.consumer.mode is Mode.DECIDES else 1  # a pure function fails the same way again
            for left in reversed(range(tries)):
                try:
                    return await effects.apply(record)
                except Exception:
                    if not left:
                        raise
            raise AssertionError("unreachable")

        return {
            stream: await settle_stream(effects.guard(stream), candidates, apply)
            for stream, candidates in streams.items()
        }

    async def _with_parked(self, streams: dict[str, list[Candidate]]) -> dict[str, list[Candidate]]:
        together = {stream: list(candidates) for stream, candidates in streams.items()}
        now = moments.text(self._clock())
        for document in await self._shelf.waiting(self.consumer.name, self._known, list(streams)):
            if document["due"] <= now or not document["tries"]:
                raw = shelf.raw_of(document)
                candidate = Candidate(raw, read_record(raw), document["cluster"], document["_id"], document["tries"])
                together[document["stream"]].append(candidate)
        return together

    async def _set_aside(self, effects: Effects, settled: dict[str, Settled]) -> bool:
        """Write dead and parked documents; False when a guard moved meanwhile, so that nobody would drain them (C5)."""
        name, now = self.consumer.name, self._clock()
        dead = [
            shelf.dead(candidate.cluster, name, candidate.raw, reason, now)
            for one in settled.values()
            for candidate, reason in one.dead
        ]
        await self._bury(dead)
        parking = [
            shelf.parked(candidate.cluster, name, self._known, candidate.raw, candidate.record, reason, now, 0)
            for one in settled.values()
            for candidate, reason in one.waits
        ]
        for one in settled.values():
            if one.failed is not None:
                await self._postpone(one.failed, now)
        if not parking:
            return True
        self.counts["parked"] += await self._shelf.park(parking)
        seen = {document["stream"]: effects.guard(document["stream"]) for document in parking}
        again = Effects(self.consumer, self._store, suffix(self._known), self._log)
        await again.load(list(seen))
        return all(again.guard(stream) == guard for stream, guard in seen.items())

    async def _generation(self) -> int:
        if self._fixed is None:
            self._known = await self._generations.current(self.consumer.collection)
        return self._known

    async def _postpone(self, failed: tuple[Candidate, str], now: datetime) -> None:
        candidate, reason = failed
        name, tries = self.consumer.name, candidate.tries + 1
        place = candidate.cluster, name, self._known, candidate.raw, candidate.record
        await self._shelf.postpone(shelf.parked(*place, reason, now, tries))
        self.counts["failed"] += 1
        log.error("a consumer fails: its stream waits", extra={"consumer": self.consumer.name, "reason": reason})

    async def _bury(self, dead: Sequence[Doc]) -> None:
        if not dead:
            return
        stored = await self._shelf.dead.insert(dead)
        await self._shelf.dead_again([document["_id"] for document, new in zip(dead, stored, strict=True) if not new])
        for document, new in zip(dead, stored, strict=True):
            if new:
                self.counts["dead"] += 1
                place = {key: document[key] for key in ("consumer", "topic", "partition", "offset", "reason")}
                log.error("a record can never be applied", extra=place)

    async def _alarm(self, waiting: Sequence[Doc], now: datetime) -> None:
        """Say once of each record that it has waited too long for the one before."""
        late = [
            document["_id"]
            for document in waiting
            if not document["tries"]
            and not document.get("alarmed")
            and (now - moments.moment(document["since"])).total_seconds() > GAP_ALARM
        ]
        if late:
            await self._shelf.parked.update({"_id": {"$in": late}}, {"$set": {"alarmed": True}})
            words = "streams wait for a missing version: hamkke events replay publishes the log again"
            log.error(words, extra={"consumer": self.consumer.name, "records": len(late)})


__all__ = ["Guard", "NotSettled", "Shell"]
