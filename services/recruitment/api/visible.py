"""Who may know of what. What one may not know of is answered like what does not exist."""

from collections.abc import Callable

from services.recruitment.domain.calls import Call
from shared.contracts.recruitment import APPLICATION, CALL
from shared.eventlog.log import EventLog
from shared.http.callers import Visitor
from shared.http.roles import Role
from shared.refusals import NotThere


def is_operator(who: Visitor) -> bool:
    return who is not None and Role.PROGRAM_OPERATOR in who.roles


async def visible_call(log: EventLog, call_id: str, who: Visitor) -> tuple[Call, int]:
    """The call and its version, if whoever asks may know that it exists."""
    found = await log.read(CALL.stream(call_id))
    call: Call | None = found.state
    if call is None or not (call.is_public or is_operator(who)):
        raise NotThere()
    return call, found.version


def applications_known_to(who: Visitor, call_id: str) -> Callable[[str], bool]:
    """Which applications to this call one may ask about, by their streams: operators all, everyone else the own."""
    if is_operator(who):
        return lambda stream: stream.startswith(APPLICATION.stream(call_id, ""))
    own = APPLICATION.stream(call_id, who.ref) if who else None
    return lambda stream: stream == own
