"""Pydantic's findings as flaws of a problem document: field and reason, never what was sent."""

from typing import Any, get_args

from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.canonical import canonical
from shared.http.problems import Flaw, Invalid
from shared.http.strict import field_name


def validated(adapter: TypeAdapter[Any], value: Any) -> Any:
    """The model of a strictly read JSON value, nothing converted from another type. Invalid (422) says each flaw."""
    try:
        return adapter.validate_json(canonical(value), strict=True)
    except ValidationError as error:
        raise Invalid(flaws_of(error)) from None
    except OverflowError:  # a date whose offset leads out of the calendar
        raise Invalid([{"field": "body", "reason": "a date or time that does not exist"}]) from None


def flaws_of(error: ValidationError, prefix: tuple[str | int, ...] = ()) -> list[Flaw]:
    """At most 20 flaws. Messages of plain ValueErrors are left out: they may quote the input."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        {
            "field": field_name((*prefix, *flaw["loc"])),
            "reason": "not valid" if flaw["type"] in ("value_error", "assertion_error") else flaw["msg"],
        }
        for flaw in found[:20]
    ]


def open_models(kind: Any, seen: frozenset[Any] = frozenset()) -> list[str]:
    """Names of the models in a body type that would take unknown fields: none may."""
    if kind in seen:
        return []
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        own = [] if kind.model_config.get("extra") == "forbid" else [kind.__name__]
        return own + [n for f in kind.model_fields.values() for n in open_models(f.annotation, seen | {kind})]
    return [name for part in get_args(kind) for name in open_models(part, seen)]
