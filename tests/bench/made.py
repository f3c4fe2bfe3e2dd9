"""Commits and records as the log makes them, without a store behind: the raw material of the bursts."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from services.recruitment.domain import calls
from services.recruitment.views import APPLICATIONS, CALLS
from shared.canonical import sha256
from shared.command import Command
from shared.contracts.base import Event, Private, Words
from shared.contracts.recruitment import (
    APPLICATION,
    CALL,
    ApplicationSubmitted,
    ApplicationWithdrawn,
    Plan,
    Quota,
    WithdrawalReason,
)
from shared.eventlog.log import EventLog
from shared.store.port import Doc

CALL_ID = "c" * 32
TITLE = Words(ko="안전한 보행로를 함께 만들 시민을 찾습니다", en="Citizens wanted for safer footpaths")
RESULT_BY = datetime(2027, 3, 1, tzinfo=UTC)
ANSWER = "I walk this street every day with my children and I know each of its dark corners. " * 4
ABREAST = 200


def citizen(number: int, salt: str = "") -> str:
    """A pseudonym, the same in every run."""
    return sha256(f"{salt}/{number}".encode())[:32]


class _Kept:
    """A collection that only takes in."""

    def __init__(self) -> None:
        self.documents: list[Doc] = []

    async def insert(self, docs: Sequence[Doc]) -> list[bool]:
        self.documents += docs
        return [True] * len(docs)

    async def get(self, ids: Sequence[str], fields: Sequence[str] = (), without: Sequence[str] = ()) -> dict[str, Doc]:
        return {}


class _Keeping(dict[str, _Kept]):
    def __missing__(self, name: str) -> _Kept:
        self[name] = _Kept()
        return self[name]


async def commits(streams: int, each: int = 1, salt: str = "") -> list[Doc]:
    """`streams` applications of `each` events, one event a commit, interleaved as they would come."""
    store: Any = _Keeping()
    log = EventLog(store, [APPLICATIONS])
    for turn in range(each):
        for start in range(0, streams, ABREAST):
            some = range(start, min(streams, start + ABREAST))
            await asyncio.gather(*(_one(log, citizen(number, salt), turn) for number in some))
    found: list[Doc] = store["commits"].documents
    return found


async def batches(streams: int, each: int = 1, size: int = 5_000, salt: str = "") -> AsyncIterator[list[Doc]]:
    """The same in parts, for numbers that memory should not hold at once."""
    for start in range(0, streams, size):
        yield await commits(min(size, streams - start), each, f"{salt}{start}/")


async def _one(log: EventLog, who: str, turn: int) -> None:
    command = Command(id=sha256(f"{who}/{turn}".encode()), hash=sha256(b"body"), actor=who, time=datetime.now(UTC))
    await log.decide(APPLICATION.stream(CALL_ID, who), lambda state: [event_of(who, turn)], command)


def event_of(who: str, turn: int) -> Event:
    """Applying and withdrawing in turn; applying with a private part of some 300 bytes."""
    number = f"{who[:4]}-{turn}"
    if turn % 2:
        return ApplicationWithdrawn(
            call_id=CALL_ID, project_id="p1", citizen=who, number=number, title=TITLE,
            reason_code=WithdrawalReason.OWN_REQUEST, reapply_until=RESULT_BY,
        )  # fmt: skip
    return ApplicationSubmitted(
        call_id=CALL_ID, project_id="p1", citizen=who, number=number, title=TITLE, result_by=RESULT_BY,
        attributes=Private.seal({"sex": "F", "ageBand": "40s"}), answers=Private.seal({"why": ANSWER[:280]}),
    )  # fmt: skip


async def grown_calls(number: int, each: int, salt: str = "") -> list[Doc]:
    """`number` open calls of `each` events (at least three), one event a commit."""
    store: Any = _Keeping()
    log = EventLog(store, [CALLS])
    await asyncio.gather(*(_grow(log, citizen(one, f"{salt}call"), each) for one in range(number)))
    found: list[Doc] = store["commits"].documents
    return found


async def _grow(log: EventLog, call_id: str, each: int) -> None:
    now = datetime.now(UTC)
    quotas = tuple(Quota(feature="sex", value=value, min=0, max=100) for value in ("F", "M"))
    opens, closes, result = (now + timedelta(days=days) for days in (-1, 365, 36_500))
    plan = Plan(seats=100, quotas=quotas, opens_at=opens, closes_at=closes, result_by=result)
    title, sealed = Private.seal(TITLE.model_dump()), Private.seal(plan.model_dump(mode="json"))
    rules: list[Any] = [
        lambda call: calls.draft(call, call_id, "p1", title, title, sealed),
        lambda call: calls.publish(call, now),
        lambda call: calls.open_call(call, now),
    ]
    for turn in range(each):
        until = plan.closes_at + timedelta(seconds=turn)
        rule = rules[turn] if turn < len(rules) else lambda call: calls.extend(call, until, None, TITLE, now)  # noqa: B023
        command = Command(id=sha256(f"{call_id}/{turn}".encode()), hash=sha256(b"body"), actor=call_id, time=now)
        await log.decide(CALL.stream(call_id), rule, command)
