"""JSON read strictly: what two readers could understand differently is refused, with the field's name. Pure.

Text comes out in Unicode's NFC, keys too: the same words typed on different machines are the same words, so a repeat
of a command has the same hash and a limit on length counts alike.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from math import isinf
from typing import Any

import orjson

from shared.http.problems import BodyUnreadable, Flaw

LARGEST_INTEGER = 2**53 - 1  # beyond it readers disagree (RFC 8259, 6)
_SAFE_NAME = re.compile(r"[\w-]{1,64}")


def parse(raw: bytes, depth: int) -> Any:
    """The JSON value. BodyUnreadable (400) when it is not JSON, not UTF-8, nested deeper than `depth`, or holds a
    doubled key, NaN or Infinity, a number too large for a double, an integer beyond 53 bits, NUL or a lone surrogate.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise BodyUnreadable(list(_flaws(raw, depth)) or [_flaw((), "not JSON in UTF-8")]) from None
    # A value whose colons are exactly its keys has no doubled ones; else the slow look decides.
    if b"\\u0000" in raw or _keys(value, depth) != raw.count(b":"):
        flaws = list(_flaws(raw, depth))
        if flaws:
            raise BodyUnreadable(flaws)
    if not raw.isascii() or b"\\u" in raw:
        value = _composed(value, ())
    return value


def _keys(value: Any, room: int) -> int:
    """How many keys; -1 or less when something in it needs the slow look."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return 0
    if room <= 0 and (kind is dict or kind is list):
        return -1_000_000
    if kind is dict:
        count = len(value)
        for inner in value.values():
            if type(inner) is not str:
                count += _keys(inner, room - 1)
        return count
    if kind is list:
        return sum([_keys(inner, room - 1) for inner in value])
    return 0 if -LARGEST_INTEGER <= value <= LARGEST_INTEGER else -1_000_000


class _Bad:
    """Stands in the parsed value where something is wrong."""

    def __init__(self, reason: str, value: Any = None) -> None:
        self.reason, self.value = reason, value


def _flaws(raw: bytes, depth: int) -> Iterator[Flaw]:
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_pairs,
            parse_int=lambda text: int(text) if len(text) < 18 else _Bad("beyond 53 bits"),
            parse_float=lambda text: _Bad("too large a number") if isinf(float(text)) else float(text),
            parse_constant=lambda text: _Bad("not a JSON number"),
        )
    except RecursionError:
        yield _flaw((), f"nested deeper than {depth}")
    except ValueError:
        yield _flaw((), "not JSON in UTF-8")
    else:
        yield from _walk(value, (), depth)


def _pairs(pairs: list[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    doubled = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return found | {doubled: _Bad("given twice")}


def _walk(value: Any, path: tuple[str | int, ...], room: int) -> Iterator[Flaw]:
    match value:
        case _Bad():
            yield _flaw(path, value.reason)
        case dict() | list() if room <= 0:
            yield _flaw(path, "nested too deep")
        case dict():
            for key, inner in value.items():
                yield from _text(key, (*path, key))
                yield from _walk(inner, (*path, key), room - 1)
        case list():
            for number, inner in enumerate(value):
                yield from _walk(inner, (*path, number), room - 1)
        case str():
            yield from _text(value, path)
        case int() if abs(value) > LARGEST_INTEGER:
            yield _flaw(path, "beyond 53 bits")


def _text(text: str, path: tuple[str | int, ...]) -> Iterator[Flaw]:
    if "\0" in text:
        yield _flaw(path, "holds NUL")
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        yield _flaw(path, "holds a lone surrogate")


def _composed(value: Any, path: tuple[str | int, ...]) -> Any:
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, list):
        return [_composed(inner, (*path, number)) for number, inner in enumerate(value)]
    if isinstance(value, dict):
        found = {unicodedata.normalize("NFC", key): _composed(inner, (*path, key)) for key, inner in value.items()}
        if len(found) != len(value):
            raise BodyUnreadable([_flaw(path, "given twice")])
        return found
    return value


def _flaw(path: tuple[str | int, ...], reason: str) -> Flaw:
    return {"field": field_name(path), "reason": reason}


def field_name(path: tuple[str | int, ...]) -> str:
    """`answers.why` or `quotas.0.min`; `body` for the whole; a name that is not plain is shown as `?`."""
    names = [str(name) if _SAFE_NAME.fullmatch(str(name)) else "?" for name in path]
    return ".".join(names[:12]) or "body"
