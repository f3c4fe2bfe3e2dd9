"""Every example ever committed is read by today's models, and says what it said."""

from pathlib import Path

import orjson
import pytest

from shared.contracts.catalogue import KINDS, events
from shared.contracts.cloudevents import read_record
from tests.contracts.records import EXAMPLES, all_records, as_example, incoming, of_example

FILES = sorted(EXAMPLES.glob("*.json"))


@pytest.mark.parametrize("event_type", events())
def test_each_event_has_an_example(event_type: str) -> None:
    assert (EXAMPLES / f"{event_type}.json").exists()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_ever_committed_is_read_for_ever(file: Path) -> None:
    record = read_record(of_example(orjson.loads(file.read_bytes())))
    event = events()[record.type].model_validate(record.data)
    assert event.data().items() >= record.data.items()


@pytest.mark.parametrize("record", all_records(), ids=lambda record: dict(record.headers)["ce_type"].decode())
def test_what_is_published_today_looks_like_an_example(record: object) -> None:
    example = as_example(record)  # type: ignore[arg-type]
    versions = [orjson.loads(f.read_bytes()) for f in EXAMPLES.glob(f"{example['headers']['ce_type']}*.json")]
    assert example in versions


def test_readers_ignore_fields_they_do_not_know() -> None:
    for record in all_records():
        read = read_record(incoming(record))
        model = events()[read.type]
        assert model.model_validate(read.data | {"added_later": {"by": "a newer publisher"}}).data() == read.data


def test_no_type_is_published_by_two_kinds() -> None:
    types = [(event_type, kind.service) for kind in KINDS for event_type in kind.types]
    assert {event_type.split(".")[1] for event_type, _ in types} == {service for _, service in types}
    assert all(event_type.split(".")[1] == service for event_type, service in types)
