"""Clients that behave as real ones do: the same key after an unknown outcome, late repeats, changed repeats."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from random import Random
from typing import Any, NamedTuple

from shared.canonical import keyed
from shared.command import Command
from shared.contracts.base import Private
from shared.eventlog.log import EventLog
from shared.refusals import Refusal, Unavailable
from tests.simulation import domain


class Answer(NamedTuple):
    """What a client was told: accepted, refused, unavailable, or nothing (unknown)."""

    kind: str
    version: int = 0
    changed: bool = False
    reason: str = ""


@dataclass
class Attempt:
    """One sending of a request, and what came of it."""

    sent: float
    body: str
    if_match: int | None
    answer: Answer | None = None
    answered: float = 0.0


@dataclass
class Asked:
    """A key and all attempts at it."""

    number: int
    verb: str
    stream: str
    sees: tuple[str, ...]
    items: tuple[str, ...]
    attempts: list[Attempt] = field(default_factory=list)

    @cached_property
    def command_id(self) -> str:
        return keyed(b"secret", "client", self.verb, self.stream, str(self.number))

    def rule(self, body: str) -> Callable[..., list[Any]]:
        """The rule this request lets decide; another body asks for other things."""
        items = self.items if body == "first" else ("i9",)
        if self.verb in ("add", "pair"):
            text = Private(keyed(b"text", self.command_id, body), "00" * 16, f"text of {self.number}/{body}")
            return partial(domain.add, items=items, text=text)
        if self.verb == "remove":
            return partial(domain.remove, item=items[0])
        if self.verb == "cast":
            return partial(domain.cast, choice=items[0])
        return domain.open_gate if self.verb == "open" else domain.close_gate

    def command(self, attempt: Attempt, started: float, now: datetime) -> Command:
        return Command(
            id=self.command_id,
            hash=keyed(b"body", self.verb, attempt.body, *self.items),
            actor="client",
            time=now,
            if_match=attempt.if_match,
            started=started,
        )


def asked_of(args: tuple[Any, ...]) -> tuple[Asked, str]:
    """The request of an `ask` line, and the client's option."""
    number, verb, *rest = args
    option = rest.pop() if len(rest) > 1 else ""
    if verb in ("open", "close"):
        return Asked(number, verb, f"gate:{rest[0]}", (), ()), option
    if verb == "cast":
        return Asked(number, verb, f"ballot:{rest[0]}", (), (rest[1],)), option
    person, gate, *items = rest
    sees = (f"gate:{gate}",) if verb != "remove" else ()
    return Asked(number, verb, f"note:{person}", sees, tuple(items)), option


async def decide(log: EventLog, asked: Asked, attempt: Attempt, started: float, now: datetime) -> Answer:
    """What the endpoint does."""
    try:
        command = asked.command(attempt, started, now)
        decided = await log.decide(asked.stream, asked.rule(attempt.body), command, asked.sees)
    except Refusal as refusal:
        return Answer("refused", reason=type(refusal).__name__)
    except Unavailable:
        return Answer("unavailable")
    return Answer("accepted", decided.version, decided.changed or decided.repeated)


def patience(rng: Random, option: str) -> float:
    """Seconds a client waits for an answer."""
    return 0.05 + rng.random() * 2 if option == "impatient" else 16.0


def pause(rng: Random, option: str) -> float:
    """Seconds before a client tries again after no answer or a 503: well-behaved ones let old attempts die first."""
    return rng.random() * 2 if option == "impatient" else 16.0 * rng.random()
