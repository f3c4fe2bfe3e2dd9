"""Whether readers of one version of a schema can live with another: only additions within a major version."""

from collections.abc import Iterator
from typing import Any

WORDS_ONLY = {"title", "description", "examples", "default", "$id", "$schema", "$defs"}


def breaks(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Every change from `old` to `new` that breaks a reader of either, each with its place. Both are whole schemas."""
    return list(_breaks(old, new, old.get("$defs", {}), new.get("$defs", {}), "$"))


def _breaks(
    old: dict[str, Any], new: dict[str, Any], old_named: dict[str, Any], new_named: dict[str, Any], place: str
) -> Iterator[str]:
    old, new = _resolved(old, old_named), _resolved(new, new_named)
    if old.get("type") == "object" and new.get("type") == "object":
        yield from _breaks_of_object(old, new, old_named, new_named, place)
    elif "anyOf" in old and "anyOf" in new and len(old["anyOf"]) == len(new["anyOf"]):
        for was, now in zip(old["anyOf"], new["anyOf"], strict=True):
            yield from _breaks(was, now, old_named, new_named, place)
    elif old.get("type") == "array" and new.get("type") == "array":
        yield from _breaks(old.get("items", {}), new.get("items", {}), old_named, new_named, f"{place}[]")
    elif _bare(old) != _bare(new):
        yield f"{place} was {_bare(old)} and is {_bare(new)}"


def _breaks_of_object(
    old: dict[str, Any], new: dict[str, Any], old_named: dict[str, Any], new_named: dict[str, Any], place: str
) -> Iterator[str]:
    was, now = old.get("properties", {}), new.get("properties", {})
    for name in was:
        if name not in now:
            yield f"{place}.{name} is gone"
        else:
            yield from _breaks(was[name], now[name], old_named, new_named, f"{place}.{name}")
    required_before, required_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(required_now - required_before):
        yield f"{place}.{name} is required now; older events do not have it"
    for name in sorted(required_before - required_now):
        yield f"{place}.{name} is optional now; older readers count on it"


def _resolved(schema: dict[str, Any], named: dict[str, Any]) -> dict[str, Any]:
    while reference := schema.get("$ref"):
        schema = named[reference.rpartition("/")[2]]
    return schema


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in WORDS_ONLY}
