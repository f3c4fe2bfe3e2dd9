"""Whatever commands come in whatever order: replaying the events gives the state, and what must hold, holds."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from services.recruitment.domain import applications, calls
from services.recruitment.domain.applications import Application
from services.recruitment.domain.calls import Call
from shared.contracts.base import Event, Private
from shared.contracts.recruitment import ApplicationSubmitted, ApplicationWithdrawn, Erased
from shared.refusals import Refusal
from tests.recruitment.builders import BEFORE, CITIZEN, REASON, drafted, fold

VERBS = ("publish", "open", "extend", "close", "close with reason", "apply", "withdraw", "erase")
HISTORIES = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 60)), max_size=40)


def decide(
    verb: str, call: Call | None, application: Application | None, now: datetime
) -> tuple[list[Event], list[Event]]:
    """What a command does to the call, and to the application."""
    match verb:
        case "publish":
            return calls.publish(call, now), []
        case "open":
            return calls.open_call(call, now), []
        case "extend":
            return calls.extend(call, now + timedelta(days=20), now + timedelta(days=30), REASON, now), []
        case "close":
            return calls.close(call, None, now), []
        case "close with reason":
            return calls.close(call, REASON, now), []
        case "apply":
            attributes, answers = Private.seal({"sex": "male"}), Private.seal({"motive": "-"})
            return [], applications.submit(application, call, CITIZEN, attributes, answers, now)
        case "withdraw":
            return [], applications.withdraw(application, call, now)
    return [], [Erased()] if application is not None else []


@settings(max_examples=300, deadline=None)
@given(HISTORIES)
def test_any_history_replays_to_its_state_and_keeps_the_rules(history: list[tuple[str, int]]) -> None:
    call_events, application_events = drafted(), list[Event]()
    call, application = fold(calls.evolve, call_events), None
    for verb, days in sorted(history, key=lambda step: step[1]):
        now = BEFORE + timedelta(days=days)
        try:
            of_call, of_application = decide(verb, call, application, now)
        except Refusal:
            continue
        was_open, was_live = call is not None and call.is_open(now), application is not None and application.is_live
        call = fold(calls.evolve, of_call, call)
        application = fold(applications.evolve, of_application, application)
        call_events += of_call
        application_events += of_application
        if any(isinstance(e, ApplicationSubmitted) for e in of_application):
            assert was_open
            assert not was_live
        if any(isinstance(e, ApplicationWithdrawn) for e in of_application):
            assert was_live
    assert fold(calls.evolve, call_events) == call
    assert fold(applications.evolve, application_events) == application
    live = sum(isinstance(e, ApplicationSubmitted) for e in application_events)
    live -= sum(isinstance(e, ApplicationWithdrawn) for e in application_events)
    assert live in (0, 1)


@given(HISTORIES)
def test_every_command_asked_twice_at_once_changes_nothing_more(history: list[tuple[str, int]]) -> None:
    call, application = fold(calls.evolve, drafted()), None
    for verb, days in sorted(history, key=lambda step: step[1]):
        now = BEFORE + timedelta(days=days)
        try:
            of_call, of_application = decide(verb, call, application, now)
        except Refusal:
            continue
        call = fold(calls.evolve, of_call, call)
        application = fold(applications.evolve, of_application, application)
        if verb == "erase":
            continue
        assert decide(verb, call, application, now) == ([], [])
