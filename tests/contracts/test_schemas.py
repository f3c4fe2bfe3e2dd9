"""The JSON Schemas are fresh, describe the examples, and never break a reader within a major version."""

from pathlib import Path
from typing import Annotated, Any, ClassVar

import orjson
import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from pydantic import BaseModel, StringConstraints

from shared.contracts import schema
from shared.contracts.base import CitizenRef, Code, Digest, Event, Moment, Private, Released, Words
from shared.contracts.catalogue import events
from tests.contracts.compatibility import breaks
from tests.contracts.records import EXAMPLES

HISTORY = Path(__file__).parent / "schemas_history"


def test_the_schema_files_say_what_the_models_say() -> None:
    assert schema.stale() == [], "`make docs` writes them again"
    assert {file.stem for file in schema.FOLDER.glob("*.json")} == set(events())


@pytest.mark.parametrize("event_type", events())
def test_the_newest_schema_in_the_history_is_todays(event_type: str) -> None:
    newest = schema.versions(HISTORY, event_type)[-1]
    assert newest.read_bytes() == (schema.FOLDER / f"{event_type}.json").read_bytes()


@pytest.mark.parametrize("event_type", [folder.name for folder in sorted(HISTORY.iterdir())])
def test_no_schema_breaks_a_reader_of_any_earlier_version(event_type: str) -> None:
    assert event_type in events(), "a published type is never taken back"
    now = schema.schema_of(event_type, events()[event_type])
    for file in schema.versions(HISTORY, event_type):
        assert breaks(orjson.loads(file.read_bytes()), now) == [], file


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.json")), ids=lambda file: file.stem)
def test_examples_fit_their_schema(file: Path) -> None:
    example = orjson.loads(file.read_bytes())
    written = orjson.loads((schema.FOLDER / f"{example['headers']['ce_type']}.json").read_bytes())
    Draft202012Validator.check_schema(written)
    validator = Draft202012Validator(written)
    validator.validate(example["value"])
    for name in written.get("required", ()):
        with pytest.raises(ValidationError):
            validator.validate({key: value for key, value in example["value"].items() if key != name})


BASE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "a": {"type": "string"},
        "n": {"$ref": "#/$defs/N"},
        "l": {"type": "array", "items": {"enum": ["X"]}},
    },
    "required": ["a"],
    "$defs": {"N": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}},
}


def changed(**parts: Any) -> dict[str, Any]:
    return BASE | parts


def with_property(name: str, of: dict[str, Any]) -> dict[str, Any]:
    return changed(properties=BASE["properties"] | {name: of})


@pytest.mark.parametrize(
    ("why", "new", "place"),
    [
        ("a field is gone", changed(properties={"a": {"type": "string"}, "n": {"$ref": "#/$defs/N"}}), "$.l"),
        ("a type changed", with_property("a", {"type": "integer"}), "$.a"),
        ("narrowed", with_property("a", {"type": "string", "maxLength": 3}), "$.a"),
        ("required now", changed(required=["a", "n"]), "$.n"),
        ("optional now", changed(required=[]), "$.a"),
        ("a new word", with_property("l", {"type": "array", "items": {"enum": ["X", "Y"]}}), "$.l[]"),
        ("nested", changed(**{"$defs": {"N": {"type": "object", "properties": {}, "required": ["x"]}}}), "$.n.x"),
    ],
)
def test_a_breaking_change_is_found(why: str, new: dict[str, Any], place: str) -> None:
    found = breaks(BASE, new)
    assert len(found) == 1, why
    assert found[0].startswith(place)


@pytest.mark.parametrize(
    "new",
    [
        with_property("added", {"type": "string"}),
        changed(description="said better"),
        with_property("a", {"type": "string", "title": "A", "description": "said better"}),
    ],
)
def test_an_added_option_or_better_words_break_nothing(new: dict[str, Any]) -> None:
    assert breaks(BASE, new) == []


class Part(BaseModel):
    note: str


class Leaky(Event):
    KEEP: ClassVar[int] = 1
    name: str
    nested: Part
    several: tuple[str, ...]
    share: float
    answers: dict[str, int]
    anything: Any
    perhaps: str | None = None
    loose: Annotated[str, StringConstraints(pattern=r"^.{1,20}$")]


class Tidy(Event):
    code: Code
    who: CitizenRef
    digest: Digest
    when: Moment
    said: Released
    words: Words
    sealed: Private
    count: int
    perhaps: Code | None = None


def test_a_free_string_a_float_or_an_open_object_in_an_event_is_found() -> None:
    places = {fault.split(":")[0] for fault in schema.faults(Leaky)}
    names = {"name", "nested.note", "several[]", "share", "answers", "anything", "perhaps", "loose"}
    assert places == {f"Leaky.{name}" for name in names}


def test_codes_pseudonyms_digests_moments_and_released_words_are_fine() -> None:
    assert schema.faults(Tidy) == []


@pytest.mark.parametrize("model", events().values(), ids=lambda model: model.__name__)
def test_no_event_of_ours_holds_what_it_may_not(model: type[Event]) -> None:
    assert schema.faults(model) == []


def test_a_changed_model_is_written_and_remembered(tmp_path: Path) -> None:
    folder, history = tmp_path / "schemas", tmp_path / "history"
    assert set(schema.write(folder, history)) == set(events())
    assert schema.write(folder, history) == []
    event_type = next(iter(events()))
    (folder / f"{event_type}.json").write_bytes(b"{}")
    (history / event_type / "1.json").write_bytes(b"{}")
    assert schema.write(folder, history) == [event_type]
    assert [file.name for file in schema.versions(history, event_type)] == ["1.json", "2.json"]
