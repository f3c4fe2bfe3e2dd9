"""Wrong answers (protocol.md D8): an accepted command that is not in the log, a refusal that the log contradicts, one
key with two answers. A refusal answers the attempt, not the key: where an earlier attempt is open, it may yet land.
"""

import hmac
from collections.abc import Iterator
from typing import Any

from services.recruitment.views import APPLICATIONS, CALLS
from shared.canonical import canonical
from shared.contracts.base import kind_of
from shared.eventlog.folded import Folded
from shared.moments import moment
from shared.refusals import NotThere, Refusal, VersionMismatch
from shared.store.port import Doc
from tests.faults.ledger import Asked, Attempt
from tests.faults.records import Finding, Records

AGGREGATES = {aggregate.kind.name: aggregate for aggregate in (CALLS, APPLICATIONS)}


def wrong_answers(records: Records) -> Iterator[Finding]:
    """Every answer against the log, and the log against what was asked."""
    judge = Judge(records)
    for asked in records.told:
        yield from judge.answers_of(asked)
    yield from judge.unasked()


class Judge:
    """Knows for each stream which states it can have had at which time."""

    def __init__(self, records: Records) -> None:
        self._records, self._log = records, records.log()
        self._folds: dict[tuple[str, int], Any] = {}
        self._by_command: dict[tuple[str, str], Doc] = {}
        for stream, commits in self._log.items():
            for commit in commits:
                self._by_command.setdefault((stream, commit["command_id"]), commit)

    def answers_of(self, asked: Asked) -> Iterator[Finding]:
        """What is wrong with the answers to one key."""
        secret = self._records.secret
        stream, name = asked.stream(secret), asked.id(secret)
        commit = self._by_command.get((stream, name))
        earlier_open, answers = False, set[bytes]()
        for number, attempt in enumerate(asked.attempts):
            if attempt.is_open:
                earlier_open = True
                continue
            said = f"{asked.verb} on {stream}, key {asked.key}: {attempt}"
            if attempt.status >= 500 or attempt.status < 200:
                yield Finding("wrong", f"{said}, which is no answer to expect")
                earlier_open = True
            elif attempt.accepted and commit is not None and commit["last"] == attempt.version:
                answers.add(attempt.answer)
                if not self._same_body(commit, asked, attempt):
                    yield Finding("wrong", f"{said}, but that was another body than the accepted one")
            elif attempt.accepted:
                yield from self._nothing_changed(asked, attempt, commit, earlier_open, said)
            elif attempt.refused and attempt.code == "idempotency-key-reused":
                if commit is None or self._same_body(commit, asked, attempt):
                    yield Finding("wrong", f"{said}, but no other body was accepted under this key")
            elif attempt.refused:
                later = asked.attempts[number + 1].sent if number + 1 < len(asked.attempts) else None
                yield from self._refused(asked, attempt, commit, earlier_open, later, said)
        if len(answers) > 1:
            yield Finding("wrong", f"{asked.verb} on {stream}, key {asked.key}: {len(answers)} different answers")
        if commit is not None:
            yield from self._rightly_stored(asked, commit)

    def unasked(self) -> Iterator[Finding]:
        """Commits that nobody asked for."""
        secret = self._records.secret
        known = {(asked.stream(secret), asked.id(secret)) for asked in self._records.told}
        for place, commit in self._by_command.items():
            if place not in known:
                yield Finding("doubled", f"nobody asked for {commit['_id']}")

    def _nothing_changed(
        self, asked: Asked, attempt: Attempt, commit: Doc | None, earlier_open: bool, said: str
    ) -> Iterator[Finding]:
        """Accepted with a version that is no commit of this command: right only where there was nothing to change."""
        if commit is not None and self._stored_by(commit) < attempt.sent:
            yield Finding("wrong", f"{said}, but its key was accepted before as {commit['_id']}")
        elif commit is not None and not earlier_open and self._cannot_be_later(asked, attempt):
            yield Finding("wrong", f"{said}, but it is in the log as {commit['_id']}")
        elif not self._explained(asked, attempt):
            yield Finding("lost", f"{said}, and it is not in the log")

    def _refused(
        self, asked: Asked, attempt: Attempt, commit: Doc | None, earlier_open: bool, later: float | None, said: str
    ) -> Iterator[Finding]:
        if commit is not None and self._stored_by(commit) < attempt.sent:
            yield Finding("wrong", f"{said}, but its key was accepted before as {commit['_id']}")
        elif commit is not None and not earlier_open and later is None:
            yield Finding("wrong", f"{said}, and it was accepted all the same as {commit['_id']}")
        elif not earlier_open and not self._explained(asked, attempt):
            yield Finding("wrong", f"{said}, which no state of the log explains")

    def _cannot_be_later(self, asked: Asked, attempt: Attempt) -> bool:
        return asked.attempts[-1] is attempt

    def _rightly_stored(self, asked: Asked, commit: Doc) -> Iterator[Finding]:
        """The rule must have allowed it: on the state before it, and on a state that what it sees had meanwhile."""
        start, end = min(one.sent for one in asked.attempts), self._stored_by(commit)
        own, foreign = self._fold(commit["stream"], commit["first"] - 1), asked.sees()
        for attempt in asked.attempts:
            if not self._same_body(commit, asked, attempt):
                continue
            for version in self._versions(foreign, start, end):
                other = self._fold(foreign, version).state if foreign else None
                if self._outcome(asked, attempt, own, other) == "":
                    return
        yield Finding("wrong", f"{commit['_id']} was accepted, which its rule forbids in every state there was")

    def _explained(self, asked: Asked, attempt: Attempt) -> bool:
        """Some state that was current while the attempt ran leads to this refusal, or to nothing to change."""
        stream, foreign = asked.stream(self._records.secret), asked.sees()
        span = attempt.sent, attempt.answered
        for version in self._versions(stream, *span):
            own = self._fold(stream, version)
            for other in self._versions(foreign, *span):
                outcome = self._outcome(asked, attempt, own, self._fold(foreign, other).state if foreign else None)
                if attempt.refused and outcome == attempt.code:
                    return True
                if attempt.accepted and outcome is None and attempt.version == version:
                    return True
        return False

    def _outcome(self, asked: Asked, attempt: Attempt, own: Folded[Any], other: Any) -> str | None:
        """The refusal's code; None where nothing is to change; "" where it is accepted."""
        try:
            if attempt.if_match is not None and attempt.if_match != own.version:
                raise VersionMismatch
            if own.erased:
                raise NotThere
            return "" if asked.events(self._records.secret, attempt, own.state, other) else None
        except Refusal as refusal:
            return refusal.code

    def _versions(self, stream: str | None, start: float, end: float) -> list[int]:
        """The versions that a stream can have had between. A commit came after its `at` and before it was seen."""
        if stream is None:
            return [0]
        commits = self._log.get(stream, [])
        begun = [0.0, *(moment(commit["at"]).timestamp() for commit in commits)]
        over = [*(self._stored_by(commit) for commit in commits), float("inf")]
        lasts = [0, *(commit["last"] for commit in commits)]
        return [last for last, since, until in zip(lasts, begun, over, strict=True) if since <= end and until >= start]

    def _stored_by(self, commit: Doc) -> float:
        return self._records.seen.get(commit["_id"], self._records.ended)

    def _fold(self, stream: str, version: int) -> Folded[Any]:
        if (stream, version) not in self._folds:
            folded: Folded[Any] = Folded(AGGREGATES[kind_of(stream)], stream)
            for commit in self._log.get(stream, ()):
                if commit["last"] <= version:
                    folded.advance(commit)
            self._folds[stream, version] = folded
        return self._folds[stream, version]

    def _same_body(self, commit: Doc, asked: Asked, attempt: Attempt) -> bool:
        body = canonical(asked.bodies[attempt.body])
        return commit["command_hash"] == hmac.digest(self._records.secret, body, "sha256").hex()
