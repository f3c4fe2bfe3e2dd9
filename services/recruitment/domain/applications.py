"""The rules of applications (as far as submitting and withdrawing). Pure: no clock, no database.

One live application per person and call is no rule of this file: it is the stream's identity,
`application:<call>:<citizen>`.
"""

import base64
import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from services.recruitment.domain.calls import Call, CallIsNotOpen
from shared.contracts.base import Erased, Event, Private, Words
from shared.contracts.recruitment import ApplicationSubmitted, ApplicationWithdrawn, Quota, WithdrawalReason
from shared.moments import text
from shared.refusals import NotThere, Refusal


class ApplicationStatus(StrEnum):
    SUBMITTED = "SUBMITTED"
    WITHDRAWN = "WITHDRAWN"


@dataclass(frozen=True)
class Application:
    """One person's application to one call. `round` counts how often the person has applied."""

    call_id: str
    citizen: str
    status: ApplicationStatus
    round: int
    number: str
    title: Words
    result_by: datetime
    attributes: Private
    answers: Private
    erased: bool = False

    @property
    def is_live(self) -> bool:
        return self.status is ApplicationStatus.SUBMITTED and not self.erased


class AttributesDoNotFit(Refusal):
    code, status = "attributes-do-not-fit", 422
    ko = "모집 공고의 항목마다 공고된 값 가운데 하나를 골라야 합니다. 다른 항목은 받지 않습니다."
    en = "Give one of the published values for each feature of the call, and nothing beyond."


def submit(
    application: Application | None,
    call: Call | None,
    citizen: str,
    attributes: Private,
    answers: Private,
    now: datetime,
) -> list[Event]:
    """Apply to an open call. `attributes` hold {feature: value}, `answers` {question: text}."""
    if call is None or not call.is_public or (application and application.erased):
        raise NotThere()
    if application and application.is_live:
        return []  # asking twice changes nothing
    if not call.is_open(now):
        raise CallIsNotOpen(
            status=call.status.value, opens_at=text(call.plan.opens_at), closes_at=text(call.plan.closes_at)
        )
    _attributes_fit(attributes.value, call.plan.quotas)
    rounds = application.round if application else 0
    return [
        ApplicationSubmitted(
            call_id=call.id,
            project_id=call.project_id,
            citizen=citizen,
            number=receipt_number(call.id, citizen, rounds + 1),
            title=call.title,
            result_by=call.plan.result_by,
            attributes=attributes,
            answers=answers,
        )
    ]


def withdraw(application: Application | None, call: Call | None, now: datetime) -> list[Event]:
    """Take an application back, also after closing. The way back is open as long as the call is."""
    if application is None or call is None or application.erased:
        raise NotThere()
    if not application.is_live:
        return []
    return [
        ApplicationWithdrawn(
            call_id=call.id,
            project_id=call.project_id,
            citizen=application.citizen,
            number=application.number,
            title=application.title,
            reason_code=WithdrawalReason.OWN_REQUEST,
            reapply_until=call.plan.closes_at if call.is_open(now) else None,
        )
    ]


def evolve(application: Application | None, event: Event) -> Application:
    """The application after one more event. Erasing drops what only the person should know."""
    if isinstance(event, ApplicationSubmitted):
        return Application(
            call_id=event.call_id,
            citizen=event.citizen,
            status=ApplicationStatus.SUBMITTED,
            round=application.round + 1 if application else 1,
            number=event.number,
            title=event.title,
            result_by=event.result_by,
            attributes=event.attributes,
            answers=event.answers,
        )
    if application is None:
        raise ValueError(f"{event.TYPE} comes before the application")
    match event:
        case ApplicationWithdrawn():
            return replace(application, status=ApplicationStatus.WITHDRAWN)
        case Erased():
            kept = Private(application.attributes.digest), Private(application.answers.digest)
            return replace(application, attributes=kept[0], answers=kept[1], erased=True)
    raise ValueError(f"{event.TYPE} is not an event of an application")


def receipt_number(call_id: str, citizen: str, round_: int) -> str:
    """What a person quotes when asking about the application: equal for the same round, without meaning."""
    digest = hashlib.sha256(f"{call_id}\n{citizen}\n{round_}".encode()).digest()
    letters = base64.b32encode(digest[:5]).decode()
    return f"{letters[:4]}-{letters[4:]}"


def _attributes_fit(attributes: dict[str, str], quotas: tuple[Quota, ...]) -> None:
    offered: dict[str, set[str]] = {}
    for quota in quotas:
        offered.setdefault(quota.feature, set()).add(quota.value)
    wrong = sorted(feature for feature in offered if attributes.get(feature) not in offered[feature])
    unasked = attributes.keys() - offered.keys()
    if wrong or unasked:
        raise AttributesDoNotFit(features=wrong, unasked=len(unasked))
