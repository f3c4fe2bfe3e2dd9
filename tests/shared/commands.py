"""Commands for tests: a key says which one it is, everything else has a default."""

from dataclasses import replace
from datetime import UTC, datetime

from shared.canonical import sha256
from shared.command import Command
from shared.contracts.base import Event, Private
from shared.eventlog.log import Decided, EventLog
from tests.simulation import domain
from tests.simulation.domain import Gate, Note

CITIZEN = "0123456789abcdef0123456789abcdef"


def command(key: str, body: str = "", if_match: int | None = None, age: float = 0.0) -> Command:
    made = Command(sha256(key.encode()), sha256(body.encode()), CITIZEN, datetime(2026, 2, 9, tzinfo=UTC), if_match)
    return replace(made, started=made.started - age)


async def open_gate(log: EventLog, gate: str) -> Decided:
    return await log.decide(gate, domain.open_gate, command(f"open {gate}"))


async def close_gate(log: EventLog, gate: str) -> Decided:
    return await log.decide(gate, domain.close_gate, command(f"close {gate}"))


async def add(log: EventLog, note: str, gate: str, item: str, key: str = "", text: str = "written by hand") -> Decided:
    def rule(state: Note | None, seen: Gate | None) -> list[Event]:
        return domain.add(state, seen, (item,), Private.seal(text))

    return await log.decide(note, rule, command(key or f"add {note} {item}", item), sees=(gate,))
