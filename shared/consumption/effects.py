"""What a consumer's functions want written, gathered for a batch, and the guards that go with it.

Order of writes: effects, then guards by compare-and-set (C3). Where the guard is in the view document, both are one.
"""

from collections.abc import Mapping
from typing import Any

from shared.consumption.consumer import Consumer, Mode, body
from shared.consumption.settle import Guard
from shared.contracts.cloudevents import Record
from shared.store.port import Doc, Store


class Effects:
    """One pass over a batch. `generation` ends the names of the collections that a rebuild may replace."""

    def __init__(self, consumer: Consumer, store: Store, generation: str, log: Any) -> None:
        self._consumer, self._log = consumer, log
        self._view = store[consumer.collection + generation]
        self._guards = store[consumer.guards + generation]
        self._found: dict[str, Doc] = {}
        self._bodies: dict[str, Doc | None] = {}
        self._new: list[Doc] = []

    async def load(self, streams: list[str]) -> None:
        """Read the guards (and with them the kept documents). Raises StoreAway."""
        self._found = await self._guards.get(streams)

    def guard(self, stream: str) -> Guard:
        found = self._found.get(stream)
        return Guard(found["version"], found["hash"]) if found else Guard()

    async def apply(self, record: Record) -> bool:
        """Let the consumer's function say what follows from a record; False when it handles no such type."""
        if record.type not in self._consumer.handlers:
            return False
        model, function = self._consumer.handlers[record.type]
        event = model.model_validate(record.data)
        if self._consumer.mode is Mode.KEEPS:
            self._bodies[record.stream] = function(self._body(record.stream), event, record)
        elif self._consumer.mode is Mode.APPENDS:
            self._new += function(event, record)
        else:
            await function(event, record, self._log)
        return True

    async def write(self, guards: Mapping[str, Guard]) -> bool:
        """Write effects, then the guards that moved; False when another process moved one of them. Raises StoreAway."""
        if self._new:
            await self._view.insert(self._new)  # an `_id` that is taken was stored by an earlier try
        fresh, moved = [], []
        for stream, guard in guards.items():
            document = {"_id": stream, "version": guard.version, "hash": guard.hash} | (self._body(stream) or {})
            found = self._found.get(stream)
            if found is None:
                fresh.append(document)
            else:
                moved.append(({"_id": stream, "version": found["version"], "hash": found["hash"]}, document))
        held = all(await self._guards.insert(fresh)) if fresh else True
        return (await self._guards.replace(moved) == len(moved) if moved else True) and held

    def _body(self, stream: str) -> Doc | None:
        if self._consumer.mode is not Mode.KEEPS:
            return None
        return self._bodies[stream] if stream in self._bodies else body(self._found.get(stream))
