"""The rules of calls (as far as closing). Pure: no clock, no database."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.contracts.base import Event, Private, Words
from shared.contracts.recruitment import (
    CallClosed,
    CallDrafted,
    CallExtended,
    CallOpened,
    CallPublished,
    CloseReason,
    ExtendReason,
    Plan,
    Quota,
    Selection,
)
from shared.moments import text
from shared.refusals import NotThere, Refusal


class CallStatus(StrEnum):
    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    OPEN = "OPEN"
    CLOSED = "CLOSED"


@dataclass(frozen=True)
class Call:
    """One call for participants."""

    id: str
    project_id: str
    status: CallStatus
    title: Words
    question: Words
    plan: Plan
    reason: Words | None = None  # of the last extension or closing

    @property
    def is_public(self) -> bool:
        return self.status is not CallStatus.DRAFT

    def is_open(self, now: datetime) -> bool:
        return self.status is CallStatus.OPEN and self.plan.opens_at <= now < self.plan.closes_at


class QuotasDoNotFit(Refusal):
    code, status = "quotas-do-not-fit", 422
    ko = "할당 기준이 모집 인원과 맞지 않습니다."
    en = "The quotas do not fit each other or the number of seats."


class DatesDoNotFit(Refusal):
    code, status = "dates-do-not-fit", 422
    ko = "시작일, 마감일, 결과 발표일의 순서가 맞지 않습니다."
    en = "Opening, closing and result must follow each other in this order."


class ClosingTimeHasPassed(Refusal):
    code = "closing-time-has-passed"
    ko, en = "마감 시각이 이미 지났습니다.", "The closing time has already passed."


class TooEarlyToOpen(Refusal):
    code = "too-early-to-open"
    ko, en = "공고된 시작 시각이 아직 되지 않았습니다.", "The published opening time has not come yet."


class CallIsNotADraft(Refusal):
    code = "call-is-not-a-draft"
    ko, en = "이미 공고된 모집입니다.", "The call has been published before."


class CallIsNotPublished(Refusal):
    code = "call-is-not-published"
    ko, en = "아직 공고되지 않은 모집입니다.", "The call has not been published yet."


class CallIsNotOpen(Refusal):
    code = "call-is-not-open"
    ko, en = "접수 중인 모집이 아닙니다.", "The call is not open."


class CallIsClosed(Refusal):
    code = "call-is-closed"
    ko = "접수가 마감된 모집입니다. 다시 열려면 사유를 밝혀 기간을 연장하세요."
    en = "The call has been closed. Only an extension with a published reason opens it again."


class ExtensionIsTooShort(Refusal):
    code, status = "extension-is-too-short", 422
    ko = "연장된 마감 시각은 지금보다 늦고, 이전 마감 시각보다 이르지 않아야 합니다."
    en = "An extension ends after now, and not before the closing time it replaces."


class ReasonIsMissing(Refusal):
    code, status = "reason-is-missing", 422
    ko = "마감 시각 전에 접수를 닫으려면 사유를 밝혀야 합니다."
    en = "A call that closes before its time needs a published reason."


def draft(
    call: Call | None, call_id: str, project_id: str, title: Private, question: Private, plan: Private
) -> list[Event]:
    """Write a call down. `title` and `question` hold {ko, en}, `plan` a Plan."""
    if call is not None:
        return []  # its id comes from the command: the same one asks again
    planned = Plan.model_validate(plan.value)
    _dates_fit(planned)
    _quotas_fit(planned)
    return [CallDrafted(call_id=call_id, project_id=project_id, title=title, question=question, plan=plan)]


def publish(call: Call | None, now: datetime) -> list[Event]:
    """Release the call's words and plan to everyone."""
    call = _existing(call)
    if call.status is CallStatus.PUBLISHED:
        return []
    if call.status is not CallStatus.DRAFT:
        raise CallIsNotADraft()
    _still_to_come(call, now)
    return [
        CallPublished(
            call_id=call.id,
            project_id=call.project_id,
            title=call.title,
            question=call.question,
            seats=call.plan.seats,
            quotas=call.plan.quotas,
            selection=Selection.LOTTERY,
            opens_at=call.plan.opens_at,
            closes_at=call.plan.closes_at,
            result_by=call.plan.result_by,
        )
    ]


def open_call(call: Call | None, now: datetime) -> list[Event]:
    """Take applications, inside the published window."""
    call = _existing(call)
    match call.status:
        case CallStatus.OPEN:
            return []
        case CallStatus.DRAFT:
            raise CallIsNotPublished()
        case CallStatus.CLOSED:
            raise CallIsClosed(closes_at=text(call.plan.closes_at))
    _still_to_come(call, now)
    if now < call.plan.opens_at:
        raise TooEarlyToOpen(opens_at=text(call.plan.opens_at))
    return [CallOpened(call_id=call.id, project_id=call.project_id, closes_at=call.plan.closes_at)]


def extend(
    call: Call | None, closes_at: datetime, result_by: datetime | None, reason: Words, now: datetime
) -> list[Event]:
    """Keep an open call open longer, or open a closed one again. Without `result_by` the result's date stays."""
    call = _existing(call)
    if call.status not in (CallStatus.OPEN, CallStatus.CLOSED):
        raise CallIsNotOpen()
    result_by = result_by or call.plan.result_by
    if call.status is CallStatus.OPEN and (closes_at, result_by) == (call.plan.closes_at, call.plan.result_by):
        return []
    if closes_at <= now or closes_at < call.plan.closes_at:
        raise ExtensionIsTooShort(closes_at=text(call.plan.closes_at))
    _dates_fit(call.plan.model_copy(update={"closes_at": closes_at, "result_by": result_by}))
    return [
        CallExtended(
            call_id=call.id,
            project_id=call.project_id,
            closes_at=closes_at,
            result_by=result_by,
            reason_code=ExtendReason.MORE_APPLICANTS_WANTED,
            reason=reason,
        )
    ]


def close(call: Call | None, reason: Words | None, now: datetime) -> list[Event]:
    """Take no more applications. Before the closing time only with a reason."""
    call = _existing(call)
    if call.status is CallStatus.CLOSED:
        return []
    if call.status is not CallStatus.OPEN:
        raise CallIsNotOpen()
    early = now < call.plan.closes_at
    if early and reason is None:
        raise ReasonIsMissing(closes_at=text(call.plan.closes_at))
    code = CloseReason.CLOSED_EARLY if early else CloseReason.TIME_IS_UP
    return [CallClosed(call_id=call.id, project_id=call.project_id, reason_code=code, reason=reason)]


def evolve(call: Call | None, event: Event) -> Call:
    """The call after one more event."""
    if isinstance(event, CallDrafted):
        title, question = Words.model_validate(event.title.value), Words.model_validate(event.question.value)
        plan = Plan.model_validate(event.plan.value)
        return Call(event.call_id, event.project_id, CallStatus.DRAFT, title, question, plan)
    if call is None:
        raise ValueError(f"{event.TYPE} comes before the draft")
    match event:
        case CallPublished():
            return replace(call, status=CallStatus.PUBLISHED)
        case CallOpened():
            return replace(call, status=CallStatus.OPEN)
        case CallExtended():
            plan = call.plan.model_copy(update={"closes_at": event.closes_at, "result_by": event.result_by})
            return replace(call, status=CallStatus.OPEN, plan=plan, reason=event.reason)
        case CallClosed():
            return replace(call, status=CallStatus.CLOSED, reason=event.reason)
    raise ValueError(f"{event.TYPE} is not an event of a call")


def _existing(call: Call | None) -> Call:
    if call is None:
        raise NotThere()
    return call


def _still_to_come(call: Call, now: datetime) -> None:
    if now >= call.plan.closes_at:
        raise ClosingTimeHasPassed(closes_at=text(call.plan.closes_at))


def _dates_fit(plan: Plan) -> None:
    if not plan.opens_at < plan.closes_at <= plan.result_by:
        raise DatesDoNotFit()


def _quotas_fit(plan: Plan) -> None:
    """Each value once, min at most max, and per feature a panel of exactly `seats` is possible."""
    features: defaultdict[str, list[Quota]] = defaultdict(list)
    for quota in plan.quotas:
        if quota.min > quota.max or any(other.value == quota.value for other in features[quota.feature]):
            raise QuotasDoNotFit(feature=quota.feature, value=quota.value)
        features[quota.feature].append(quota)
    for feature, quotas in features.items():
        if not sum(q.min for q in quotas) <= plan.seats <= sum(q.max for q in quotas):
            raise QuotasDoNotFit(feature=feature)
