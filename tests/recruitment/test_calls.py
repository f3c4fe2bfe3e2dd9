"""The rules of calls: given a call, when a command comes, then these events or this refusal."""

import pytest

from services.recruitment.domain import calls
from services.recruitment.domain.calls import CallStatus
from shared.contracts.recruitment import (
    CallClosed,
    CallDrafted,
    CallExtended,
    CallOpened,
    CallPublished,
    CloseReason,
    Quota,
    Selection,
)
from shared.refusals import NotThere, Refusal
from tests.recruitment.builders import (
    AFTER,
    BEFORE,
    CLOSES,
    DAY,
    DURING,
    OPENS,
    PLAN,
    REASON,
    RESULT,
    call_after,
    closed_call,
    draft_call,
    drafted,
    fold,
    open_call,
    plan,
    published_call,
)


def test_a_draft_keeps_its_words_and_its_plan_private() -> None:
    (event,) = drafted()
    assert isinstance(event, CallDrafted)
    assert {"call_id": "c1", "project_id": "PRJ-2026-001"}.items() <= event.data().items()
    assert {name: len(digest) for name, digest in event.data().items() if name not in ("call_id", "project_id")} == {
        "title": 64,
        "question": 64,
        "plan": 64,
    }


def test_a_drafted_call_is_not_public() -> None:
    call = draft_call()
    assert call.status is CallStatus.DRAFT
    assert not call.is_public
    assert call.title.ko == "온새미길 시민참여단 모집"


def test_drafting_the_same_call_again_changes_nothing() -> None:
    event = drafted()[0]
    assert isinstance(event, CallDrafted)
    assert calls.draft(draft_call(), "c1", "PRJ-2026-001", event.title, event.question, event.plan) == []


@pytest.mark.parametrize(
    "dates",
    [
        {"opens_at": CLOSES},
        {"closes_at": OPENS},
        {"result_by": CLOSES - DAY},
        {"opens_at": RESULT, "closes_at": OPENS},
    ],
)
def test_dates_in_the_wrong_order_are_refused(dates: dict[str, object]) -> None:
    with pytest.raises(calls.DatesDoNotFit):
        drafted(plan(**dates))


def test_a_result_may_be_due_at_the_closing_time() -> None:
    assert len(drafted(plan(result_by=CLOSES))) == 1


@pytest.mark.parametrize(
    ("why", "female", "male"),
    [
        ("min above max", (30, 20), (0, 50)),
        ("minimums above the seats", (30, 50), (30, 50)),
        ("maximums below the seats", (0, 20), (0, 20)),
    ],
)
def test_quotas_that_no_panel_can_meet_are_refused(why: str, female: tuple[int, int], male: tuple[int, int]) -> None:
    both = (("female", *female), ("male", *male))
    quotas = tuple(Quota(feature="sex", value=value, min=low, max=high) for value, low, high in both)
    with pytest.raises(calls.QuotasDoNotFit) as refusal:
        drafted(plan(quotas=quotas))
    assert refusal.value.details["feature"] == "sex", why


def test_a_quota_value_that_stands_twice_is_refused() -> None:
    twice = Quota(feature="sex", value="female", min=0, max=50)
    with pytest.raises(calls.QuotasDoNotFit):
        drafted(plan(quotas=(twice, twice)))


def test_a_call_may_do_without_quotas() -> None:
    assert len(drafted(plan(quotas=()))) == 1


def test_publishing_releases_words_plan_and_method() -> None:
    (event,) = calls.publish(draft_call(), BEFORE)
    assert isinstance(event, CallPublished)
    assert event.title.ko == "온새미길 시민참여단 모집"
    assert event.question.en == "What should change?"
    assert (event.seats, event.quotas, event.selection) == (50, PLAN.quotas, Selection.LOTTERY)
    assert (event.opens_at, event.closes_at, event.result_by) == (OPENS, CLOSES, RESULT)
    assert published_call().is_public


def test_publishing_twice_changes_nothing() -> None:
    assert calls.publish(published_call(), BEFORE) == []


def test_a_call_whose_time_has_passed_is_not_published() -> None:
    with pytest.raises(calls.ClosingTimeHasPassed):
        calls.publish(draft_call(), CLOSES)


@pytest.mark.parametrize("call", [open_call(), closed_call()])
def test_a_call_past_publishing_is_not_published_again(call: calls.Call) -> None:
    with pytest.raises(calls.CallIsNotADraft):
        calls.publish(call, DURING)


def test_a_published_call_opens_at_its_time() -> None:
    (event,) = calls.open_call(published_call(), OPENS)
    assert event == CallOpened(call_id="c1", project_id="PRJ-2026-001", closes_at=CLOSES)
    assert open_call().is_open(DURING)


def test_opening_twice_changes_nothing() -> None:
    assert calls.open_call(open_call(), DURING) == []


def test_a_call_does_not_open_before_its_published_time() -> None:
    with pytest.raises(calls.TooEarlyToOpen):
        calls.open_call(published_call(), BEFORE)


def test_a_call_does_not_open_after_its_closing_time() -> None:
    with pytest.raises(calls.ClosingTimeHasPassed):
        calls.open_call(published_call(), CLOSES)


def test_a_draft_does_not_open() -> None:
    with pytest.raises(calls.CallIsNotPublished):
        calls.open_call(draft_call(), DURING)


def test_a_closed_call_is_not_opened_but_extended() -> None:
    with pytest.raises(calls.CallIsClosed):
        calls.open_call(closed_call(), DURING)


def test_an_open_call_takes_applications_only_inside_its_window() -> None:
    call = open_call()
    assert [now for now in (OPENS - DAY, OPENS, DURING, CLOSES - DAY, CLOSES, AFTER) if call.is_open(now)] == [
        OPENS,
        DURING,
        CLOSES - DAY,
    ]


def test_an_open_call_is_extended_with_its_reason() -> None:
    (event,) = calls.extend(open_call(), CLOSES + DAY, None, REASON, DURING)
    assert isinstance(event, CallExtended)
    assert (event.closes_at, event.result_by, event.reason) == (CLOSES + DAY, RESULT, REASON)


def test_a_closed_call_opens_again_by_an_extension() -> None:
    call = closed_call()
    call = calls.evolve(call, calls.extend(call, CLOSES + 3 * DAY, None, REASON, AFTER)[0])
    assert call.is_open(AFTER)
    assert call.reason == REASON


def test_a_call_closed_early_may_open_again_until_its_old_time() -> None:
    call = closed_call(REASON, at=DURING)
    assert len(calls.extend(call, CLOSES, None, REASON, DURING)) == 1


def test_extending_to_what_holds_already_changes_nothing() -> None:
    assert calls.extend(open_call(), CLOSES, None, REASON, DURING) == []


@pytest.mark.parametrize("closes_at", [CLOSES - DAY, BEFORE])
def test_an_extension_never_shortens(closes_at: object) -> None:
    with pytest.raises(calls.ExtensionIsTooShort):
        calls.extend(open_call(), closes_at, None, REASON, DURING)  # type: ignore[arg-type]


def test_an_extension_that_is_over_already_is_refused() -> None:
    with pytest.raises(calls.ExtensionIsTooShort):
        calls.extend(closed_call(), CLOSES + DAY, None, REASON, CLOSES + DAY)


def test_an_extension_past_the_result_moves_the_result_too() -> None:
    with pytest.raises(calls.DatesDoNotFit):
        calls.extend(open_call(), RESULT + DAY, None, REASON, DURING)
    (event,) = calls.extend(open_call(), RESULT + DAY, RESULT + 2 * DAY, REASON, DURING)
    assert isinstance(event, CallExtended)
    assert event.result_by == RESULT + 2 * DAY


@pytest.mark.parametrize("call", [draft_call(), published_call()])
def test_only_an_open_or_closed_call_is_extended(call: calls.Call) -> None:
    with pytest.raises(calls.CallIsNotOpen):
        calls.extend(call, CLOSES + DAY, None, REASON, DURING)


def test_a_call_closes_when_its_time_is_up() -> None:
    (event,) = calls.close(open_call(), None, CLOSES)
    assert event == CallClosed(call_id="c1", project_id="PRJ-2026-001", reason_code=CloseReason.TIME_IS_UP)


def test_a_call_that_closes_early_says_why() -> None:
    with pytest.raises(calls.ReasonIsMissing):
        calls.close(open_call(), None, DURING)
    (event,) = calls.close(open_call(), REASON, DURING)
    assert isinstance(event, CallClosed)
    assert (event.reason_code, event.reason) == (CloseReason.CLOSED_EARLY, REASON)


def test_closing_twice_changes_nothing() -> None:
    assert calls.close(closed_call(), None, AFTER) == []


@pytest.mark.parametrize("call", [draft_call(), published_call()])
def test_only_an_open_call_is_closed(call: calls.Call) -> None:
    with pytest.raises(calls.CallIsNotOpen):
        calls.close(call, REASON, DURING)


@pytest.mark.parametrize(
    "rule",
    [
        lambda: calls.publish(None, DURING),
        lambda: calls.open_call(None, DURING),
        lambda: calls.extend(None, CLOSES, None, REASON, DURING),
        lambda: calls.close(None, REASON, DURING),
    ],
)
def test_nothing_happens_to_a_call_that_is_not_there(rule: object) -> None:
    with pytest.raises(NotThere):
        rule()  # type: ignore[operator]


def test_a_call_begins_with_its_draft() -> None:
    with pytest.raises(ValueError, match="before the draft"):
        fold(calls.evolve, calls.publish(draft_call(), BEFORE))


def test_every_refusal_speaks_both_languages() -> None:
    refusals = [value for value in vars(calls).values() if isinstance(value, type) and issubclass(value, Refusal)]
    assert len(refusals) >= 11
    for refusal in refusals:
        assert any("가" <= letter <= "힣" for letter in refusal.ko), refusal
        assert refusal.en.isascii(), refusal
        assert 400 <= refusal.status < 500, refusal


def test_a_call_can_be_told_from_its_events_alone() -> None:
    events = drafted()
    for rule in (
        lambda c: calls.publish(c, BEFORE),
        lambda c: calls.open_call(c, DURING),
        lambda c: calls.close(c, None, AFTER),
    ):
        events += rule(fold(calls.evolve, events))
    assert fold(calls.evolve, events) == call_after(
        lambda c: calls.publish(c, BEFORE), lambda c: calls.open_call(c, DURING), lambda c: calls.close(c, None, AFTER)
    )
