"""What recruitment publishes: calls for participants, and the applications to them.

A draft's words and plan are private parts: publishing releases them. A person's attributes and answers are never more
than digests here.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from shared.contracts import base
from shared.contracts.base import Audience, CitizenRef, Code, Event, Moment, Private, StreamKind, Words

Feature = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")]
"""What a quota counts: `sex`, `ageBand`, `dong`. No dots: it names a field in documents."""
Count = Annotated[int, Field(ge=0, le=100_000)]


class Quota(BaseModel):
    """How many of the chosen must and may have this value of this feature."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    feature: Feature
    value: Code
    min: Count
    max: Count


class Selection(StrEnum):
    """How participants are chosen from the pool. Declared with the call, fixed from its opening on (S-08 c)."""

    LOTTERY = "LOTTERY"


class ExtendReason(StrEnum):
    """Why a call stays open longer, or opens again."""

    MORE_APPLICANTS_WANTED = "MORE_APPLICANTS_WANTED"


class CloseReason(StrEnum):
    """Why a call takes no more applications."""

    TIME_IS_UP = "TIME_IS_UP"
    CLOSED_EARLY = "CLOSED_EARLY"


class WithdrawalReason(StrEnum):
    """Why an application no longer stands."""

    OWN_REQUEST = "OWN_REQUEST"


class Plan(BaseModel):
    """What a call says about seats and time: a private part of its draft, public from CallPublished on."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    seats: Count
    quotas: tuple[Quota, ...]
    opens_at: Moment
    closes_at: Moment
    result_by: Moment


class CallDrafted(Event):
    """A call was written down. Neither its words nor its plan are public yet."""

    call_id: Code
    project_id: Code
    title: Private
    question: Private
    plan: Private


class CallPublished(Event):
    """The call with everything that a person needs to know before applying."""

    call_id: Code
    project_id: Code
    title: Words
    question: Words
    seats: Count
    quotas: tuple[Quota, ...]
    selection: Selection
    opens_at: Moment
    closes_at: Moment
    result_by: Moment


class CallOpened(Event):
    """Applications are taken from now on."""

    call_id: Code
    project_id: Code
    closes_at: Moment


class CallExtended(Event):
    """The call stays open longer, or is open again, for a published reason."""

    call_id: Code
    project_id: Code
    closes_at: Moment
    result_by: Moment
    reason_code: ExtendReason
    reason: Words


class CallClosed(Event):
    """No more applications are taken. A call that closes before its time says why."""

    call_id: Code
    project_id: Code
    reason_code: CloseReason
    reason: Words | None = None


class ApplicationSubmitted(Event):
    """A person asks for a seat. Names what the receipt must say, so that nobody needs to ask back."""

    call_id: Code
    project_id: Code
    citizen: CitizenRef
    number: Code
    title: Words
    result_by: Moment
    attributes: Private
    answers: Private


class ApplicationWithdrawn(Event):
    """The person takes the application back, and may apply again until `reapply_until` (absent: not any more)."""

    call_id: Code
    project_id: Code
    citizen: CitizenRef
    number: Code
    title: Words
    reason_code: WithdrawalReason
    reapply_until: Moment | None = None


class Erased(base.Erased):
    """The applicant asked to be forgotten: attributes and answers are gone, and counts leave it out.

    What happened and when stays on the stream, without them (protocol.md E1).
    """


CALL = StreamKind(
    "recruitment",
    "call",
    (CallDrafted, CallPublished, CallOpened, CallExtended, CallClosed),
    audience=Audience.PUBLIC,
    about="Calls for participants, from draft to closing.",
)
APPLICATION = StreamKind(
    "recruitment",
    "application",
    (ApplicationSubmitted, ApplicationWithdrawn, Erased),
    audience=Audience.SERVICES,
    about="One person's application to one call.",
)
