"""Applications over HTTP: people apply, look at their own and withdraw; operators see who applied, without answers."""

from typing import Annotated

from pydantic import BaseModel, Field

from services.recruitment import views
from services.recruitment.api.visible import applications_known_to
from services.recruitment.api.words import AnyText, CallId
from services.recruitment.domain import applications
from services.recruitment.domain.applications import Application, ApplicationStatus
from shared.contracts.base import Code, Moment, Private, Words
from shared.contracts.recruitment import APPLICATION, CALL, Feature
from shared.http.callers import Citizen, ProgramOperator
from shared.http.commands import Asking, Log, Receipt
from shared.http.endpoints import Router
from shared.http.forms import Form
from shared.http.pages import Page, Paged
from shared.http.reads import ReadAfter, Shown
from shared.http.stored import Stored, version_in
from shared.refusals import NotThere
from shared.store.port import Doc

router = Router()
FEW = Field(max_length=20, json_schema_extra={"additionalProperties": False})


class ApplicationForm(Form):
    """One value for each feature of the call's quotas, and answers to the questions of its form."""

    attributes: Annotated[dict[Feature, Code], FEW]
    answers: Annotated[dict[Feature, AnyText], FEW] = Field(default_factory=dict)


class OwnApplication(Shown):
    """A person's own application, with what only this person may see."""

    call_id: str
    number: str
    status: ApplicationStatus
    title: Words
    result_by: Moment
    attributes: dict[str, str]
    answers: dict[str, str]

    @classmethod
    def of(cls, application: Application, version: int) -> "OwnApplication":
        return cls(
            version=version,
            call_id=application.call_id,
            number=application.number,
            status=application.status,
            title=application.title,
            result_by=application.result_by,
            attributes=application.attributes.value,
            answers=application.answers.value,
        )


class ListedApplication(BaseModel):
    """An application as operators see it: who and whether it stands, nothing that was answered."""

    citizen: str
    number: str
    status: ApplicationStatus
    erased: bool
    version: int

    @classmethod
    def of(cls, row: Doc) -> "ListedApplication":
        application = views.APPLICATIONS.decode(row["state"])
        return cls(
            citizen=application.citizen,
            number=application.number,
            status=application.status,
            erased=application.erased,
            version=row["version"],
        )


@router.post("/calls/{call_id}/applications", status_code=201)
async def apply(call_id: CallId, body: ApplicationForm, me: Citizen, command: Asking, log: Log) -> Receipt:
    """Apply. Asking twice changes nothing; after withdrawing one may apply again while the call is open."""
    attributes, answers = Private.seal(body.attributes), Private.seal(body.answers)
    decided = await log.decide(
        APPLICATION.stream(call_id, me.ref),
        lambda mine, call: applications.submit(mine, call, me.ref, attributes, answers, command.time),
        command,
        sees=[CALL.stream(call_id)],
    )
    return Receipt.of(decided)


@router.post("/calls/{call_id}/applications/mine/withdraw")
async def withdraw(call_id: CallId, me: Citizen, command: Asking, log: Log) -> Receipt:
    """Take the own application back."""
    decided = await log.decide(
        APPLICATION.stream(call_id, me.ref),
        lambda mine, call: applications.withdraw(mine, call, command.time),
        command,
        sees=[CALL.stream(call_id)],
    )
    return Receipt.of(decided)


@router.get("/calls/{call_id}/applications/mine")
async def mine(call_id: CallId, me: Citizen, log: Log) -> OwnApplication:
    """The own application, answers and all."""
    application = await log.read(APPLICATION.stream(call_id, me.ref))
    if application.state is None or application.state.erased:
        raise NotThere()
    return OwnApplication.of(application.state, application.version)


@router.get("/calls/{call_id}/applications")
async def applied(
    call_id: CallId, me: ProgramOperator, page: Paged, fresh: ReadAfter, log: Log, store: Stored
) -> Page[ListedApplication]:
    """Who applied, in the order of the persons' pseudonyms."""
    if (await log.read(CALL.stream(call_id))).state is None:
        raise NotThere()
    rows = store[views.APPLICATIONS.view]
    await fresh.by(version_in(rows), applications_known_to(me, call_id))
    return await page.of(rows, views.of_call(call_id), ListedApplication.of)
