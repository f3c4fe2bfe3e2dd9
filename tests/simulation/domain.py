"""A small service to simulate with: gates that open and close, people's notes that need an open gate, secret ballots."""

from dataclasses import dataclass, field, replace

from shared.contracts.base import Code, Erased, Event, Private, StreamKind
from shared.eventlog.aggregate import Aggregate
from shared.refusals import NotThere, Refusal

MOST = 3


class GateOpened(Event):
    """Notes may be added from now on."""


class GateClosed(Event):
    """No more notes."""


class Added(Event):
    """Something was noted; what exactly is private."""

    item: Code
    text: Private


class Removed(Event):
    """Something was taken back."""

    item: Code


class NoteErased(Erased):
    """The person is forgotten."""


class Cast(Event):
    """A secret ballot was cast."""

    choice: Code


class Echoed(Event):
    """A deciding consumer heard of a note."""

    heard: str


class GateIsClosed(Refusal):
    """The gate that must be open is not."""


class GateIsOpenAlready(Refusal):
    """Opening twice is a mistake."""


class NoteIsFull(Refusal):
    """There are as many items as there may be."""


GATE = StreamKind("sim", "gate", (GateOpened, GateClosed))
NOTE = StreamKind("sim", "note", (Added, Removed, NoteErased))
BALLOT = StreamKind("sim", "ballot", (Cast,), relayed=False)
ECHO = StreamKind("echo", "echo", (Echoed,))


@dataclass(frozen=True)
class Gate:
    """How often it was opened tells a doubled effect."""

    is_open: bool
    opened: int


@dataclass(frozen=True)
class Note:
    """What a person noted, in order; `added` counts for ever."""

    items: tuple[str, ...] = ()
    added: int = 0
    texts: dict[str, Private] = field(default_factory=dict)


@dataclass(frozen=True)
class Ballot:
    """One choice."""

    choice: str


@dataclass(frozen=True)
class Echo:
    """What was heard, in order."""

    heard: tuple[str, ...]


def evolve_gate(gate: Gate | None, event: Event) -> Gate:
    opened = gate.opened if gate else 0
    return Gate(True, opened + 1) if isinstance(event, GateOpened) else Gate(False, opened)


def evolve_note(note: Note | None, event: Event) -> Note:
    note = note or Note()
    if isinstance(event, Added):
        texts = {**note.texts, event.item: event.text}
        return Note((*note.items, event.item), note.added + 1, texts)
    if isinstance(event, Removed):
        texts = {item: text for item, text in note.texts.items() if item != event.item}
        return replace(note, items=tuple(i for i in note.items if i != event.item), texts=texts)
    return note


def evolve_ballot(ballot: Ballot | None, event: Event) -> Ballot:
    assert isinstance(event, Cast)
    return Ballot(event.choice)


def evolve_echo(echo: Echo | None, event: Event) -> Echo:
    assert isinstance(event, Echoed)
    return Echo((*(echo.heard if echo else ()), event.heard))


def open_gate(gate: Gate | None) -> list[Event]:
    if gate and gate.is_open:
        raise GateIsOpenAlready
    return [GateOpened()]


def close_gate(gate: Gate | None) -> list[Event]:
    if gate is None:
        raise NotThere
    return [GateClosed()] if gate.is_open else []


def add(note: Note | None, gate: Gate | None, items: tuple[str, ...], text: Private) -> list[Event]:
    """Add one item or two in one commit; those already there change nothing."""
    new = [item for item in items if not (note and item in note.items)]
    if not new:
        return []
    if gate is None or not gate.is_open:
        raise GateIsClosed
    if len(note.items if note else ()) + len(new) > MOST:
        raise NoteIsFull
    return [Added(item=item, text=text) for item in new]


def remove(note: Note | None, item: str) -> list[Event]:
    if note is None:
        raise NotThere
    return [Removed(item=item)] if item in note.items else []


def cast(ballot: Ballot | None, choice: str) -> list[Event]:
    return [] if ballot else [Cast(choice=choice)]


def echo(state: Echo | None, heard: str) -> list[Event]:
    return [Echoed(heard=heard)]


AGGREGATES = (
    Aggregate(GATE, Gate, evolve_gate, "gates"),
    Aggregate(NOTE, Note, evolve_note, "notes"),
    Aggregate(BALLOT, Ballot, evolve_ballot, "ballots"),
)
ECHOES = (Aggregate(ECHO, Echo, evolve_echo, "echoes"),)
BY_KIND = {aggregate.kind.name: aggregate for aggregate in (*AGGREGATES, *ECHOES)}
