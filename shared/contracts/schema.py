"""The contracts as JSON Schemas, and the rules that every event's schema keeps.

Run as a module it is part of `make check`: no free string, no float, no open object, schemas on disk fresh.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from shared.contracts.base import Event
from shared.contracts.catalogue import events

FOLDER = Path(__file__).parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
FREE_TEXTS = ("two words", "김 하늘", "who@example.invalid", "+82 10", "a\nb", "")
"""What a person might write. A pattern that lets one of these pass is no machine word."""


def schema_of(event_type: str, model: type[Event]) -> dict[str, Any]:
    """The JSON Schema of an event's data. Private parts are the digests that name them."""
    return {"$schema": DIALECT, "$id": f"urn:hamkke:schema:{event_type}"} | model.model_json_schema()


def written(schema: dict[str, Any]) -> bytes:
    """The bytes of a schema file."""
    return orjson.dumps(schema, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def stale(folder: Path = FOLDER) -> list[str]:
    """The types whose schema file is missing or says something else than the model."""
    return [
        event_type
        for event_type, model in events().items()
        if not (file := folder / f"{event_type}.json").exists()
        or file.read_bytes() != written(schema_of(event_type, model))
    ]


def write(folder: Path, history: Path) -> list[str]:
    """Write all schemas again; a changed one also goes into the history as its next version. Returns what changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = stale(folder)
    for event_type, model in events().items():
        now = written(schema_of(event_type, model))
        (folder / f"{event_type}.json").write_bytes(now)
        earlier = versions(history, event_type)
        if not earlier or earlier[-1].read_bytes() != now:
            (history / event_type).mkdir(parents=True, exist_ok=True)
            (history / event_type / f"{len(earlier) + 1}.json").write_bytes(now)
    return changed


def versions(history: Path, event_type: str) -> list[Path]:
    """The files of every version that a type's schema ever had, oldest first."""
    return sorted((history / event_type).glob("*.json"), key=lambda file: int(file.stem))


def faults(model: type[Event]) -> list[str]:
    """What an event's fields may not be, each with its place: a free string, a float, an open object, anything."""
    schema = model.model_json_schema()
    return [f"{model.__name__}{place}: {fault}" for place, fault in _faults(schema, schema.get("$defs", {}), "")]


def _faults(schema: dict[str, Any], named: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    if reference := schema.get("$ref"):
        yield from _faults(named[reference.rpartition("/")[2]], named, place)
    elif choices := schema.get("anyOf"):
        for choice in choices:
            yield from _faults(choice, named, place)
    elif "enum" not in schema and "const" not in schema:
        yield from _faults_of_type(schema, named, place)


def _faults_of_type(schema: dict[str, Any], named: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    match schema.get("type"):
        case "object":
            if schema.get("additionalProperties"):
                yield place, "an open object; name its fields in a model"
            for name, part in schema.get("properties", {}).items():
                if not name.isascii():
                    yield f"{place}.{name}", "a name that is not ASCII"
                yield from _faults(part, named, f"{place}.{name}")
        case "array":
            for part in schema.get("prefixItems") or [schema.get("items", {})]:
                yield from _faults(part, named, f"{place}[]")
        case "string" if not _is_machine_word(schema):
            yield place, "a free string; use Code, Private, or Released for text that is public"
        case "string" | "integer" | "boolean" | "null":
            pass
        case "number":
            yield place, "a float; use integers of a smaller unit"
        case _:
            yield place, "no type"


def _is_machine_word(schema: dict[str, Any]) -> bool:
    if schema.get("x-released") or schema.get("format") == "date-time":
        return True
    pattern = str(schema.get("pattern", ""))
    return not any(re.search(pattern, text) for text in FREE_TEXTS)


def main() -> int:
    """Say every fault on standard error; 1 if there is one."""
    found = [fault for model in events().values() for fault in faults(model)]
    found += [f"{event_type}: its schema file is not fresh; `make docs` writes it" for event_type in stale()]
    for line in found:
        sys.stderr.write(f"contracts: {line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
