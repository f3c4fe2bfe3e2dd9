"""What each client was told: every attempt at every command with its times, and what the command asked for.

Times are this machine's Unix time: clients, services and store share one clock here.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import orjson

from services.recruitment.api.calls import CallForm, CloseForm, ExtendForm
from services.recruitment.domain import applications, calls
from shared.canonical import canonical
from shared.command import command_id
from shared.contracts.base import Event, Private
from shared.contracts.recruitment import APPLICATION, CALL
from shared.moments import moment, text

UNKNOWN = 0
"""The status of an attempt that got no answer."""


@dataclass
class Attempt:
    """One sending of a request. `body` numbers the command's bodies: 0, or 1 for a changed repeat."""

    sent: float
    process: str
    body: int = 0
    if_match: int | None = None
    answered: float = 0.0
    status: int = UNKNOWN
    code: str = ""  # of the problem document
    version: int = 0  # of the receipt
    answer: bytes = b""

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300

    @property
    def busy(self) -> bool:
        return self.status == 409 and self.code == "busy"

    @property
    def is_open(self) -> bool:
        """Nobody knows what came of it: it may still take effect (protocol.md D8)."""
        return self.status in (UNKNOWN, 503)

    @property
    def refused(self) -> bool:
        """A rule's no, which is an answer."""
        return 400 <= self.status < 500 and not self.busy

    def __str__(self) -> str:
        return f"{self.status or 'no answer'} {self.code or self.version or ''} from {self.process} at {text_of(self.sent)}"


@dataclass
class Asked:
    """One command of one client, and all attempts at it."""

    key: str
    actor: str
    verb: str  # the endpoint's name, which is part of the command's id
    path: str
    call: str  # the call's id; "" for one that is being drafted
    bodies: list[Any]
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def about_call(self) -> bool:
        return self.verb not in ("apply", "withdraw")

    def id(self, secret: bytes) -> str:
        return command_id(secret, self.actor, self.verb, self.path, self.key)

    def stream(self, secret: bytes) -> str:
        """The stream that the command is about."""
        if self.verb == "draft":
            return CALL.stream(self.id(secret)[:32])
        return CALL.stream(self.call) if self.about_call else APPLICATION.stream(self.call, self.actor)

    def sees(self) -> str | None:
        """The other stream that its rule looks at."""
        return None if self.about_call else CALL.stream(self.call)

    def events(self, secret: bytes, attempt: Attempt, own: Any, call: Any) -> list[Event]:
        """What the rule makes of it in these states. Raises its Refusal."""
        return self._rule(secret, self.bodies[attempt.body], attempt.sent)(own, *([] if self.about_call else [call]))

    def _rule(self, secret: bytes, body: Any, when: float) -> Any:
        now = moment(text_of(when))
        raw = orjson.loads(canonical(body)) if body is not None else {}
        match self.verb:
            case "apply":
                sealed = [Private.seal(raw[name]) for name in ("attributes", "answers")]
                return lambda mine, call: applications.submit(mine, call, self.actor, *sealed, now)
            case "withdraw":
                return partial(applications.withdraw, now=now)
            case "draft":
                form = CallForm.model_validate_json(canonical(body))
                parts = (form.title.words(), form.question.words(), form.plan())
                sealed = [Private.seal(part.model_dump(mode="json")) for part in parts]
                name = self.id(secret)[:32]
                return lambda call: calls.draft(call, name, form.project_id, *sealed)
            case "publish":
                return partial(calls.publish, now=now)
            case "open_call":
                return partial(calls.open_call, now=now)
            case "extend":
                longer = ExtendForm.model_validate_json(canonical(body))
                return lambda call: calls.extend(call, longer.closes_at, longer.result_by, longer.reason.words(), now)
            case "close":
                closing = CloseForm.model_validate_json(canonical(raw))
                return lambda call: calls.close(call, closing.reason and closing.reason.words(), now)
        raise ValueError(self.verb)

    def as_json(self) -> dict[str, Any]:
        """For the report."""
        return {"key": self.key, "verb": self.verb, "path": self.path, "attempts": [str(one) for one in self.attempts]}


def text_of(when: float) -> str:
    return text(datetime.fromtimestamp(when, UTC))
