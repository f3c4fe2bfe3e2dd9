"""The rules of applications: given one and its call, when a command comes, then these events or this refusal."""

import re

import pytest

from services.recruitment.domain import applications, calls
from services.recruitment.domain.applications import ApplicationStatus
from shared.contracts.recruitment import ApplicationSubmitted, ApplicationWithdrawn, Erased, WithdrawalReason
from shared.refusals import NotThere, Refusal
from tests.recruitment.builders import (
    AFTER,
    BEFORE,
    CITIZEN,
    CLOSES,
    DURING,
    RESULT,
    application_after,
    applying,
    closed_call,
    draft_call,
    open_call,
    published_call,
    submitted,
    withdrawn,
)


def test_applying_to_an_open_call_is_received() -> None:
    (event,) = applying()
    assert isinstance(event, ApplicationSubmitted)
    assert (event.call_id, event.citizen, event.project_id) == ("c1", CITIZEN, "PRJ-2026-001")
    assert event.title.ko == "온새미길 시민참여단 모집"
    assert event.result_by == RESULT


def test_answers_and_attributes_leave_only_digests() -> None:
    (event,) = applying(attributes={"sex": "female"}, answers={"motive": "밤길이 어둡습니다."})
    published = str(event.data())
    assert "female" not in published
    assert "어둡" not in published


def test_the_person_finds_answers_and_attributes_again() -> None:
    application = submitted()
    assert application.attributes.value == {"sex": "female"}
    assert application.answers.value == {"motive": "밤길이 어둡습니다."}
    assert application.is_live


def test_applying_twice_changes_nothing() -> None:
    assert applying(submitted()) == []


def test_applying_twice_changes_nothing_even_after_closing() -> None:
    assert applying(submitted(), closed_call(), now=AFTER) == []


@pytest.mark.parametrize(
    ("call", "now"),
    [
        (published_call(), DURING),
        (open_call(), BEFORE),
        (open_call(), CLOSES),
        (closed_call(), DURING),
    ],
)
def test_outside_the_open_window_nobody_can_apply(call: calls.Call, now: object) -> None:
    with pytest.raises(calls.CallIsNotOpen):
        applying(call=call, now=now)  # type: ignore[arg-type]


def test_a_draft_does_not_exist_for_applicants() -> None:
    with pytest.raises(NotThere):
        applying(call=draft_call())


def test_nobody_applies_to_a_call_that_is_not_there() -> None:
    event = applying()[0]
    assert isinstance(event, ApplicationSubmitted)
    with pytest.raises(NotThere):
        applications.submit(None, None, CITIZEN, event.attributes, event.answers, DURING)


@pytest.mark.parametrize(
    ("attributes", "features", "unasked"),
    [
        ({}, ["sex"], 0),
        ({"sex": "unheard-of"}, ["sex"], 0),
        ({"sex": "female", "household": "h1"}, [], 1),
    ],
)
def test_attributes_are_those_that_the_call_asks_for(
    attributes: dict[str, str], features: list[str], unasked: int
) -> None:
    with pytest.raises(applications.AttributesDoNotFit) as refusal:
        applying(attributes=attributes)
    assert refusal.value.details == {"features": features, "unasked": unasked}


def test_the_receipt_number_is_short_and_the_same_for_the_same_round() -> None:
    first, second = applying()[0], applying()[0]
    assert isinstance(first, ApplicationSubmitted)
    assert isinstance(second, ApplicationSubmitted)
    assert first.number == second.number
    assert re.fullmatch(r"[A-Z2-7]{4}-[A-Z2-7]{4}", first.number)


def test_withdrawing_names_the_reason_and_the_way_back() -> None:
    (event,) = applications.withdraw(submitted(), open_call(), DURING)
    assert isinstance(event, ApplicationWithdrawn)
    assert (event.reason_code, event.reapply_until) == (WithdrawalReason.OWN_REQUEST, CLOSES)
    assert withdrawn().status is ApplicationStatus.WITHDRAWN


def test_after_closing_one_may_withdraw_but_there_is_no_way_back() -> None:
    (event,) = applications.withdraw(submitted(), closed_call(), AFTER)
    assert isinstance(event, ApplicationWithdrawn)
    assert event.reapply_until is None


def test_withdrawing_twice_changes_nothing() -> None:
    assert applications.withdraw(withdrawn(), open_call(), DURING) == []


def test_who_never_applied_has_nothing_to_withdraw() -> None:
    with pytest.raises(NotThere):
        applications.withdraw(None, open_call(), DURING)


def test_while_the_call_is_open_one_may_apply_again_after_withdrawing() -> None:
    again = application_after(applying(withdrawn(), answers={"motive": "다시 신청합니다."}), withdrawn())
    assert again.is_live
    assert again.round == 2
    assert again.number != submitted().number
    assert again.answers.value == {"motive": "다시 신청합니다."}


def test_after_closing_nobody_applies_again() -> None:
    with pytest.raises(calls.CallIsNotOpen):
        applying(withdrawn(), closed_call(), now=AFTER)


def test_erasing_drops_what_only_the_person_should_know() -> None:
    submitted_ = submitted()
    erased = application_after([Erased()], submitted_)
    assert (erased.attributes.value, erased.answers.value) == (None, None)
    assert erased.answers.digest == submitted_.answers.digest
    assert not erased.is_live


def test_an_erased_application_takes_no_more_commands() -> None:
    erased = application_after([Erased()], withdrawn())
    with pytest.raises(NotThere):
        applying(erased)
    with pytest.raises(NotThere):
        applications.withdraw(erased, open_call(), DURING)


def test_an_application_begins_with_being_submitted() -> None:
    with pytest.raises(ValueError, match="before the application"):
        applications.evolve(None, Erased())


def test_every_refusal_speaks_both_languages() -> None:
    refusals = [
        value for value in vars(applications).values() if isinstance(value, type) and issubclass(value, Refusal)
    ]
    for refusal in refusals:
        assert any("가" <= letter <= "힣" for letter in refusal.ko), refusal
        assert refusal.en.isascii(), refusal
