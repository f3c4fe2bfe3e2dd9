"""A stream folded up to a version: its state, its last hash and its memory of commands. Pure."""

from dataclasses import fields, is_dataclass, replace
from typing import Any, Generic

from shared.contracts.base import Erased, Private
from shared.eventlog.aggregate import Aggregate, S
from shared.eventlog.memory import Memory
from shared.store.port import Doc


class Folded(Generic[S]):
    """Where a stream stands. `advance` takes the next commit in; nothing else changes it."""

    __slots__ = ("aggregate", "erased", "hash", "memory", "state", "stream", "version")

    def __init__(self, aggregate: Aggregate[S], stream: str) -> None:
        self.aggregate, self.stream = aggregate, stream
        self.version, self.hash, self.erased = 0, "", False
        self.state: S | None = None
        self.memory = Memory()

    def advance(self, commit: Doc) -> bool:
        """Fold the next commit in; False when it is not the next (an old one, or one after a gap)."""
        if commit["first"] != self.version + 1:
            return False
        private = commit.get("private") or {}
        for version, event in enumerate(commit["events"], start=commit["first"]):
            fact = self.aggregate.event(event["type"], event["data"], version, private)
            if isinstance(fact, Erased):
                self.state, self.erased = forget(self.state), True
            if self.state is not None or not isinstance(fact, Erased):
                self.state = self.aggregate.evolve(self.state, fact)
        self.version, self.hash = commit["last"], commit["events"][-1]["hash"]
        self.memory.remember(commit["command_id"], commit["command_hash"], commit["last"], commit["at"])
        return True

    def snapshot(self) -> Doc:
        """The document of the main view."""
        return {
            "_id": self.stream,
            "version": self.version,
            "hash": self.hash,
            "state_version": self.aggregate.state_version,
            "erased": self.erased,
            "memory": self.memory.pack(),
            "state": None if self.state is None else self.aggregate.encode(self.state),
        }

    @classmethod
    def of_snapshot(cls, aggregate: Aggregate[S], document: Doc) -> "Folded[S] | None":
        """None when the snapshot was made by another `state_version`: then the log is folded from its start."""
        if document["state_version"] != aggregate.state_version:
            return None
        folded = cls(aggregate, document["_id"])
        folded.version, folded.hash, folded.erased = document["version"], document["hash"], document["erased"]
        folded.memory = Memory.unpack(document["memory"])
        folded.state = None if document["state"] is None else aggregate.decode(document["state"])
        return folded


def forget(value: Any) -> Any:
    """The same value with every private part reduced to its digest."""
    if isinstance(value, Private):
        return Private(value.digest)
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: forget(getattr(value, f.name)) for f in fields(value)})
    if isinstance(value, dict):
        return {key: forget(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(forget(item) for item in value)
    return value
