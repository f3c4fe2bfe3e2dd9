"""Each change of an application becomes one entry for the person; the same event always makes the same document."""

from dataclasses import replace

from services.notifications.consumers import inbox
from shared.contracts.cloudevents import Record, read_record
from shared.store.port import Doc
from tests.contracts.records import incoming, of_an_application
from tests.recruitment.builders import CITIZEN

SUBMITTED, WITHDRAWN, ERASED = (read_record(incoming(record)) for record in of_an_application())


def told(record: Record) -> list[Doc]:
    model, handler = inbox.handlers[record.type]
    documents: list[Doc] = handler(model.model_validate(record.data), record)
    return documents


def test_a_submitted_application_is_confirmed_in_both_languages() -> None:
    (entry,) = told(SUBMITTED)
    assert entry["recipient"] == CITIZEN
    assert "접수되었습니다" in entry["ko"]
    assert "has been received" in entry["en"]
    assert SUBMITTED.data["number"] in entry["ko"]


def test_a_withdrawn_application_is_confirmed_too() -> None:
    (entry,) = told(WITHDRAWN)
    assert entry["recipient"] == CITIZEN
    assert "철회" in entry["ko"]
    assert "apply again until" in entry["en"]


def test_an_entry_is_named_by_event_recipient_and_template() -> None:
    (entry,) = told(SUBMITTED)
    assert entry["_id"] == f"{SUBMITTED.id}/{CITIZEN}/application-received.1"


def test_the_same_event_always_makes_the_same_document() -> None:
    assert told(SUBMITTED) == told(SUBMITTED)


def test_the_newer_entry_stands_behind_the_older() -> None:
    assert told(SUBMITTED)[0]["place"] < told(WITHDRAWN)[0]["place"]


def test_of_two_events_of_one_millisecond_the_later_version_stands_behind() -> None:
    ninth, tenth = (replace(SUBMITTED, version=n, id=f"{SUBMITTED.stream}@{n}") for n in (9, 10))
    assert told(ninth)[0]["place"] < told(tenth)[0]["place"]


def test_erasing_shuts_the_inbox_of_this_person() -> None:
    assert told(ERASED) == [{"_id": f"silence/{CITIZEN}", "recipient": CITIZEN}]


def test_no_entry_holds_anything_of_the_private_parts() -> None:
    for record in (SUBMITTED, WITHDRAWN):
        assert "밤길" not in str(told(record))
        assert "female" not in str(told(record))
