"""Calls, applications and their parts with defaults, so that a test mentions only what matters."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from services.recruitment.domain import applications, calls
from services.recruitment.domain.applications import Application
from services.recruitment.domain.calls import Call
from shared.contracts.base import Event, Private, Words
from shared.contracts.recruitment import Plan, Quota

S = TypeVar("S")
DAY = timedelta(days=1)
OPENS = datetime(2026, 2, 9, tzinfo=UTC)
CLOSES = datetime(2026, 3, 2, tzinfo=UTC)
RESULT = datetime(2026, 3, 9, tzinfo=UTC)
BEFORE, DURING, AFTER = OPENS - DAY, OPENS + DAY, CLOSES + DAY
CITIZEN = "0123456789abcdef0123456789abcdef"
REASON = Words(ko="더 많은 주민의 참여를 바랍니다.", en="More residents should have the chance.")
QUOTAS = (
    Quota(feature="sex", value="female", min=25, max=26),
    Quota(feature="sex", value="male", min=24, max=25),
)
PLAN = Plan(seats=50, quotas=QUOTAS, opens_at=OPENS, closes_at=CLOSES, result_by=RESULT)


def plan(**changes: Any) -> Plan:
    return PLAN.model_copy(update=changes)


def sealed(plan: Plan = PLAN) -> Private:
    return Private.seal(plan.model_dump(mode="json"))


def drafted(plan: Plan = PLAN, call_id: str = "c1") -> list[Event]:
    title = Private.seal({"ko": "온새미길 시민참여단 모집", "en": "Call for the Onsaemi citizens' panel"})
    question = Private.seal({"ko": "무엇을 바꿔야 할까요?", "en": "What should change?"})
    return calls.draft(None, call_id, "PRJ-2026-001", title, question, sealed(plan))


def call_after(*rules: Callable[[Call | None], list[Event]], plan: Plan = PLAN) -> Call:
    """The call after drafting and these rules."""
    call = fold(calls.evolve, drafted(plan))
    for rule in rules:
        call = fold(calls.evolve, rule(call), call)
    assert call is not None
    return call


def draft_call() -> Call:
    return call_after()


def published_call() -> Call:
    return call_after(lambda c: calls.publish(c, BEFORE))


def open_call() -> Call:
    return call_after(lambda c: calls.publish(c, BEFORE), lambda c: calls.open_call(c, DURING))


def closed_call(reason: Words | None = None, at: datetime = AFTER) -> Call:
    return call_after(
        lambda c: calls.publish(c, BEFORE),
        lambda c: calls.open_call(c, DURING),
        lambda c: calls.close(c, reason, at),
    )


def applying(
    application: Application | None = None,
    call: Call | None = None,
    attributes: dict[str, str] | None = None,
    answers: dict[str, str] | None = None,
    now: datetime = DURING,
) -> list[Event]:
    attributes = {"sex": "female"} if attributes is None else attributes
    answers = answers or {"motive": "밤길이 어둡습니다."}
    return applications.submit(
        application, call or open_call(), CITIZEN, Private.seal(attributes), Private.seal(answers), now
    )


def application_after(events: Iterable[Event], application: Application | None = None) -> Application:
    after = fold(applications.evolve, events, application)
    assert after is not None
    return after


def submitted() -> Application:
    return application_after(applying())


def withdrawn() -> Application:
    application = submitted()
    return application_after(applications.withdraw(application, open_call(), DURING), application)


def fold(evolve: Callable[[S | None, Event], S], events: Iterable[Event], state: S | None = None) -> S | None:
    for event in events:
        state = evolve(state, event)
    return state
