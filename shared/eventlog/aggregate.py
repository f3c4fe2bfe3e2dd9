"""What the log must know of an aggregate: its events, how they change its state, and where its main view lives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from shared.contracts.base import SNAPSHOT, Erased, Event, Private, StreamKind

S = TypeVar("S")
Upcaster = Callable[[dict[str, Any]], tuple[str, dict[str, Any]]]


@dataclass(frozen=True)
class Aggregate(Generic[S]):
    """`state` is a frozen dataclass; `evolve` folds an event into it; another `state_version` refolds from the log."""

    kind: StreamKind
    state: type[S]
    evolve: Callable[[S | None, Event], S]
    view: str
    indexes: tuple[tuple[str, ...], ...] = ()
    state_version: int = 1
    upcasters: Mapping[str, Upcaster] = field(default_factory=dict)

    @cached_property
    def _adapter(self) -> TypeAdapter[S]:
        return TypeAdapter(self.state)

    def encode(self, state: S) -> dict[str, Any]:
        """The state as a document's field, private parts and all."""
        written: dict[str, Any] = self._adapter.dump_python(state, mode="json", context=SNAPSHOT)
        return written

    def decode(self, written: dict[str, Any]) -> S:
        return self._adapter.validate_python(written)

    def event(self, event_type: str, data: dict[str, Any], version: int, private: Mapping[str, Any]) -> Event:
        """A stored event as an object: upcast, and with those of its private parts that are still there."""
        while event_type in self.upcasters:
            event_type, data = self.upcasters[event_type](data)
        if private:
            data = data | {
                name: Private(data[name], **private[key]) for name in data if (key := f"{version}/{name}") in private
            }
        return self.kind.types[event_type].model_validate(data)

    @cached_property
    def erased(self) -> type[Event] | None:
        """This kind's event for a person's wish to be forgotten."""
        return next((event for event in self.kind.events if issubclass(event, Erased)), None)


def private_parts(event: Event, version: int) -> dict[str, dict[str, Any]]:
    """The event's private parts as the commit stores them, by `<version>/<field>`."""
    return {
        f"{version}/{name}": {"salt": part.salt, "value": part.value}
        for name, part in event
        if isinstance(part, Private) and part.salt is not None
    }
