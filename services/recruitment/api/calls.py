"""Calls over HTTP: operators run them, everyone reads the published ones."""

from typing import Annotated

from pydantic import BaseModel, Field

from services.recruitment import views
from services.recruitment.api.visible import applications_known_to, is_operator, visible_call
from services.recruitment.api.words import CallId, Text, Title
from services.recruitment.domain import calls
from services.recruitment.domain.calls import Call, CallStatus
from shared.command import id_of_new
from shared.contracts.base import Code, Moment, Private, Words, kind_of
from shared.contracts.recruitment import CALL, Feature, Plan, Quota, Selection
from shared.http.callers import ProgramOperator, Visitor
from shared.http.commands import Asking, Log, OnVersion, Receipt
from shared.http.endpoints import Router
from shared.http.forms import Form, Instant
from shared.http.pages import Page, Paged
from shared.http.reads import ReadAfter, Shown
from shared.http.stored import Stored, version_in
from shared.store.port import Doc

router = Router()
Number = Annotated[int, Field(ge=0, le=100_000)]


class QuotaForm(Form):
    feature: Feature
    value: Code
    min: Number
    max: Number


class CallForm(Form):
    """A call as an operator writes it down."""

    project_id: Code
    title: Title
    question: Text
    seats: Annotated[int, Field(ge=1, le=100_000)]
    quotas: Annotated[tuple[QuotaForm, ...], Field(max_length=100)] = ()
    opens_at: Instant
    closes_at: Instant
    result_by: Instant

    def plan(self) -> Plan:
        quotas = tuple(Quota(**quota.model_dump()) for quota in self.quotas)
        return Plan(
            seats=self.seats,
            quotas=quotas,
            opens_at=self.opens_at,
            closes_at=self.closes_at,
            result_by=self.result_by,
        )


class ExtendForm(Form):
    """Until when, and why. Without `result_by` the result's date stays."""

    closes_at: Instant
    result_by: Instant | None = None
    reason: Text


class CloseForm(Form):
    """Why, where the call closes before its time."""

    reason: Text | None = None


class CallView(Shown):
    """A call as it stands."""

    id: str
    project_id: str
    status: CallStatus
    title: Words
    question: Words
    selection: Selection = Selection.LOTTERY
    seats: int
    quotas: tuple[Quota, ...]
    opens_at: Moment
    closes_at: Moment
    result_by: Moment
    reason: Words | None

    @classmethod
    def of_row(cls, row: Doc) -> "CallView":
        return cls.of(views.CALLS.decode(row["state"]), row["version"])

    @classmethod
    def of(cls, call: Call, version: int) -> "CallView":
        return cls(
            id=call.id,
            version=version,
            project_id=call.project_id,
            status=call.status,
            title=call.title,
            question=call.question,
            seats=call.plan.seats,
            quotas=call.plan.quotas,
            opens_at=call.plan.opens_at,
            closes_at=call.plan.closes_at,
            result_by=call.plan.result_by,
            reason=call.reason,
        )


class Cell(BaseModel):
    """Live applications with this value; null where this or another value of its feature has fewer than 5."""

    feature: str
    value: str
    count: int | None


class CountsView(BaseModel):
    """Live applications of a call; the total is null where it is under 5."""

    call_id: str
    total: int | None
    cells: list[Cell]


@router.post("/calls", status_code=201)
async def draft(body: CallForm, me: ProgramOperator, command: Asking, log: Log) -> Receipt:
    """Write a call down. Nobody but operators sees it before it is published."""
    call_id = id_of_new(command)
    title = Private.seal(body.title.words().model_dump())
    question = Private.seal(body.question.words().model_dump())
    plan = Private.seal(body.plan().model_dump(mode="json"))
    decided = await log.decide(
        CALL.stream(call_id),
        lambda call: calls.draft(call, call_id, body.project_id, title, question, plan),
        command,
    )
    return Receipt.of(decided)


@router.post("/calls/{call_id}/publish")
async def publish(call_id: CallId, me: ProgramOperator, command: OnVersion, log: Log) -> Receipt:
    """Release words, quotas and dates to everyone."""
    decided = await log.decide(CALL.stream(call_id), lambda call: calls.publish(call, command.time), command)
    return Receipt.of(decided)


@router.post("/calls/{call_id}/open")
async def open_call(call_id: CallId, me: ProgramOperator, command: OnVersion, log: Log) -> Receipt:
    """Take applications, inside the published window."""
    decided = await log.decide(CALL.stream(call_id), lambda call: calls.open_call(call, command.time), command)
    return Receipt.of(decided)


@router.post("/calls/{call_id}/extend")
async def extend(call_id: CallId, body: ExtendForm, me: ProgramOperator, command: OnVersion, log: Log) -> Receipt:
    """Close later, or open again. The reason is published."""
    reason = body.reason.words()
    decided = await log.decide(
        CALL.stream(call_id),
        lambda call: calls.extend(call, body.closes_at, body.result_by, reason, command.time),
        command,
    )
    return Receipt.of(decided)


@router.post("/calls/{call_id}/close")
async def close(
    call_id: CallId, me: ProgramOperator, command: OnVersion, log: Log, body: CloseForm | None = None
) -> Receipt:
    """Take no more applications. Before the closing time the reason is mandatory, and published."""
    reason = body.reason.words() if body and body.reason else None
    decided = await log.decide(CALL.stream(call_id), lambda call: calls.close(call, reason, command.time), command)
    return Receipt.of(decided)


@router.get("/calls")
async def published(who: Visitor, page: Paged, fresh: ReadAfter, store: Stored) -> Page[CallView]:
    """Published calls, in the order of their ids."""
    rows = store[views.CALLS.view]
    known = version_in(rows, None if is_operator(who) else views.PUBLISHED)
    await fresh.by(known, lambda stream: kind_of(stream) == CALL.name)
    return await page.of(rows, views.PUBLISHED, CallView.of_row)


@router.get("/calls/{call_id}")
async def one(call_id: CallId, who: Visitor, log: Log) -> CallView:
    """A published call; operators see drafts too."""
    call, version = await visible_call(log, call_id, who)
    return CallView.of(call, version)


@router.get("/calls/{call_id}/counts")
async def counted(call_id: CallId, who: Visitor, fresh: ReadAfter, log: Log, store: Stored) -> CountsView:
    """Live applications per quota value. A feature with a value under 5 is hidden whole: none can be recomputed."""
    call, _ = await visible_call(log, call_id, who)
    await fresh.by(version_in(store[views.APPLICATIONS.view]), applications_known_to(who, call_id))
    counts = await views.public_counts(store, call)
    cells = [Cell(feature=cell.feature, value=cell.value, count=cell.count) for cell in counts.cells]
    return CountsView(call_id=call_id, total=counts.total, cells=cells)
