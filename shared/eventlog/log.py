"""The event log: load, decide, one insert; decide again when somebody was faster (protocol.md D1-D8)."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic

from shared import moments
from shared.canonical import canonical
from shared.command import Command
from shared.contracts.base import Event
from shared.contracts.cloudevents import attributes_of, chain_hash
from shared.eventlog.aggregate import Aggregate, S, private_parts
from shared.eventlog.batch import TOO_OLD, Inserts
from shared.eventlog.folded import Folded
from shared.eventlog.tail import Streams
from shared.refusals import Busy, KeyReused, NotThere, Refusal, TooLarge, Unavailable, VersionMismatch
from shared.store.port import Doc, Store, StoreAway

TRIES = 12
LARGEST = 256 * 1024  # bytes a commit: more could not be relayed
Rule = Callable[..., list[Event]]


@dataclass(frozen=True)
class Read(Generic[S]):
    """An aggregate as it stands."""

    stream: str
    version: int
    state: S | None


@dataclass(frozen=True)
class Decided:
    """What came of a command: the version it led to. `repeated`: it had been accepted before, with this version."""

    stream: str
    version: int
    changed: bool
    repeated: bool = False


class EventLog:
    """The log of one service. `clock` gives the writer's time (aware)."""

    def __init__(
        self,
        store: Store,
        aggregates: Sequence[Aggregate[Any]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.aggregates = {aggregate.kind.name: aggregate for aggregate in aggregates}
        self._store, self._clock = store, clock
        self._streams = Streams(store, self.aggregates)
        self._inserts = Inserts(store["commits"])
        self._turns: defaultdict[str, list[Any]] = defaultdict(lambda: [asyncio.Lock(), 0])

    async def prepare(self) -> None:
        """Make sure of the main views' indexes; `commits` has none but its `_id`. Raises StoreAway."""
        for aggregate in self.aggregates.values():
            for keys in aggregate.indexes:
                await self._store[aggregate.view].index(*keys)

    async def read(self, stream: str) -> Read[Any]:
        """The aggregate with everything that is stored. Raises Unavailable when the store is away."""
        with _store_is_needed():
            folded = await self._streams.current(stream)
        return Read(stream, folded.version, folded.state)

    async def decide(self, stream: str, rule: Rule, command: Command, sees: Sequence[str] = ()) -> Decided:
        """Let the rule decide on the stream's state (and those of the streams it `sees`), and store what it says.

        The rule is pure and may be asked several times: `rule(state, *seen) -> events`, [] when nothing changes.
        Raises its Refusal, VersionMismatch, KeyReused, Busy, TooLarge, and Unavailable when no outcome was to be had.
        """
        with _store_is_needed():
            async with self._turn(stream):
                for _ in range(TRIES):
                    decided = await self._attempt(stream, rule, command, sees)
                    if decided is not None:
                        return decided
        raise Busy

    async def append_erased(self, stream: str, erased: type[Event], command: Command) -> None:
        """Let the stream forget its person (in the order of erasing.py). One that already did is left alone."""
        with _store_is_needed():
            async with self._turn(stream):  # asked within it: two erasures at once are one
                for _ in range(TRIES):
                    folded = await self._streams.current(stream)
                    if folded.erased or not folded.version:
                        return
                    commit = self._commit(folded.aggregate, stream, folded.version, folded.hash, [erased()], command)
                    if await self._inserts.insert(commit, command.started):
                        self._streams.take(commit)
                        return
        raise Busy

    async def _attempt(self, stream: str, rule: Rule, command: Command, sees: Sequence[str]) -> Decided | None:
        await self._streams.meet(sees)  # judged without them, a command would only be judged again
        own = self._streams.known(stream)
        if answered := _answered_before(own, command):
            return answered
        version, prev = own.version, own.hash
        judged = {other: self._streams.known(other).version for other in (stream, *sees)}
        events, refusal = self._judge(own, rule, command, sees)
        if await self._learn((*sees,) if events else (stream, *sees)):
            return None
        if any(self._streams.known(other).version != seen for other, seen in judged.items()):
            return None  # another command of this process brought the news while we were reading
        if refusal is not None:
            raise refusal
        if not events:
            return Decided(stream, version, changed=False)
        commit = self._commit(own.aggregate, stream, version, prev, events, command)
        if await self._inserts.insert(commit, command.started):
            self._streams.take(commit)
            return Decided(stream, commit["last"], changed=True)
        await self._streams.catch_up([stream])
        return None

    def _judge(
        self, own: Folded[Any], rule: Rule, command: Command, sees: Sequence[str]
    ) -> tuple[list[Event], Refusal | None]:
        try:
            if command.if_match is not None and command.if_match != own.version:
                raise VersionMismatch(version=own.version)
            if own.erased:
                raise NotThere
            return rule(own.state, *(self._streams.known(other).state for other in sees)), None
        except Refusal as refusal:
            return [], refusal

    async def _learn(self, streams: Sequence[str]) -> bool:
        """Only an insert proves freshness: read the tails of what was decided upon, and say whether there is news."""
        return bool(streams) and await self._streams.catch_up(streams)

    def _commit(
        self, aggregate: Aggregate[Any], stream: str, version: int, prev: str, events: list[Event], command: Command
    ) -> Doc:
        commit: Doc = {
            "_id": f"{stream}@{version + 1}",
            "stream": stream,
            "first": version + 1,
            "last": version + len(events),
            "events": [],
            "time": moments.text(command.time),
            "at": moments.text(self._clock()),
            "actor": command.actor,
            "command_id": command.id,
            "command_hash": command.hash,
            "prev": prev,
        }
        for key in ("trace", "correlation", "causation") if aggregate.kind.relayed else ():
            if (value := getattr(command, key)) is not None:
                commit[key] = value
        private: Doc = {}
        size = 0
        for number, event in enumerate(events, start=version + 1):
            data = event.data()
            value = canonical(data)
            prev = chain_hash(prev, attributes_of(aggregate.kind, commit, number, event.TYPE, data), value)
            commit["events"].append({"type": event.TYPE, "data": data, "hash": prev})
            private |= private_parts(event, number)
            size += len(value)
        if private:
            commit["private"] = private
            size += len(canonical(private))
        if size > LARGEST:
            raise TooLarge
        return commit

    @asynccontextmanager
    async def _turn(self, stream: str) -> AsyncIterator[None]:
        """One command at a time on a stream: else a failed first would leave a gap before a stored second (D5)."""
        turn = self._turns[stream]
        turn[1] += 1
        try:
            async with turn[0]:
                yield
        finally:
            turn[1] -= 1
            if not turn[1]:
                self._turns.pop(stream, None)


def _answered_before(own: Folded[Any], command: Command) -> Decided | None:
    known = own.memory.recall(command.id)
    if known is None:
        return None
    if not own.memory.same_body(known, command.hash):
        raise KeyReused
    return Decided(own.stream, known.last, changed=False, repeated=True)


class _store_is_needed:  # noqa: N801 - reads as a phrase where it is used
    """Within it, a store that is away is Unavailable: nothing was promised, the client may ask again."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, StoreAway):
            raise Unavailable("the store is away") from error


__all__ = ["TOO_OLD", "Decided", "EventLog", "Read"]
