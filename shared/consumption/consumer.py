"""A consumer: which facts of others matter to us, and what then. It remembers (keeps, appends) or it decides."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import Any, TypeVar

from shared import moments
from shared.command import Command
from shared.contracts.base import Event, StreamKind
from shared.contracts.cloudevents import Record
from shared.store.port import Doc

Handler = TypeVar("Handler", bound=Callable[..., Any])
Decide = Callable[[Event, Record, Any], Awaitable[object]]


class Mode(Enum):
    """What a consumer does with an event. Pure functions remember; only `DECIDES` awaits anything."""

    KEEPS = "keeps"  # fn(document | None, event, record) -> document: one document a stream, the guard in it
    APPENDS = "appends"  # fn(event, record) -> documents with `_id`s of their own: each is stored once
    DECIDES = "decides"  # async fn(event, record, log): a command on our own log


class Consumer:
    """One FastStream subscriber, one group `hamkke.<service>.<name>`, one version guard a stream."""

    def __init__(
        self,
        name: str,
        *,
        kinds: Sequence[StreamKind],
        mode: Mode,
        collection: str | None = None,
        indexes: Sequence[tuple[str, ...]] = (),
    ) -> None:
        self.name, self.mode, self.kinds, self.indexes = name, mode, tuple(kinds), tuple(indexes)
        self.collection = collection or name
        self.handlers: dict[str, tuple[type[Event], Callable[..., Any]]] = {}
        self._families: set[str] = set()

    @property
    def topics(self) -> list[str]:
        return [kind.topic for kind in self.kinds]

    @property
    def guards(self) -> str:
        """The collection that holds the guards."""
        return self.collection if self.mode is Mode.KEEPS else f"{self.collection}_guards"

    def on(self, event: type[Event]) -> Callable[[Handler], Handler]:
        """Register the function for one event type."""

        def register(function: Handler) -> Handler:
            self.handlers[event.TYPE] = (event, function)
            self._families.add(_family(event.TYPE))
            return function

        return register

    def unknown_major(self, event_type: str) -> bool:
        """A type we handle, in a major version that we do not."""
        return event_type not in self.handlers and _family(event_type) in self._families


def _family(event_type: str) -> str:
    return event_type.rpartition(".v")[0]


def command_of(consumer: str, record: Record, name: str, number: int = 0) -> Command:
    """The command that a deciding consumer makes of an event: asked again, it is the same one (protocol.md D3)."""
    return Command(
        id=f"{consumer}/{record.id}/{name}/{number}",
        hash=record.hash,
        actor=consumer,
        time=moments.moment(record.time),
        trace=record.attributes.get("traceparent"),
        correlation=record.attributes.get("correlationid"),
        causation=record.id,
    )


def body(document: Doc | None) -> Doc | None:
    """A kept document without the guard that the shell put into it."""
    if document is None:
        return None
    return {key: value for key, value in document.items() if key not in ("_id", "version", "hash")}
