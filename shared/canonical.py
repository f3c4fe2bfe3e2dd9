"""Canonical JSON (RFC 8785) and the digests made of it. Pure.

Events hold neither floats nor non-ASCII keys (`make check` sees to it), and for such values orjson's
sorted output is RFC 8785 to the byte; a test holds the two against each other.
"""

import hashlib
import hmac
from typing import Any

import orjson


def canonical(value: Any) -> bytes:
    """The canonical JSON bytes of a JSON value without floats."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def sha256(*parts: bytes) -> str:
    """Hex SHA-256 of the parts, each closed by a line feed but the last."""
    return hashlib.sha256(b"\n".join(parts)).hexdigest()


def keyed(secret: bytes, *parts: str) -> str:
    """Hex HMAC-SHA-256 of the parts as a canonical list, so that no two lists of parts collide."""
    return hmac.digest(secret, orjson.dumps(parts), "sha256").hex()
