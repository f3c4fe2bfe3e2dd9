"""Idempotency-Key and If-Match: what a command says about itself in its headers. Pure."""

import re

from shared.http.problems import BadRequest, HttpProblem, IfMatchMissing
from shared.refusals import KeyTooOld

OLDEST = 6 * 86_400.0  # seconds; commands are surely remembered for 7 days (protocol.md D4)
AHEAD = 12 * 3_600.0  # a key from further ahead would be remembered for less than it seems young
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_VERSION = re.compile(r'"(0|[1-9][0-9]{0,14})"')
KEY, IF_MATCH = "idempotency-key", "if-match"


class KeyFromAhead(HttpProblem):
    """422: the key says it was made in the future. The client's clock is wrong."""

    code, status = "idempotency-key-from-ahead", 422
    ko = "Idempotency-Key의 시각이 미래입니다. 기기의 시계를 확인하세요."
    en = "This Idempotency-Key claims a time to come. Check the clock that made it."


def key_of(header: str | None, now: float) -> tuple[str, float]:
    """The key in its one form (lower case, no quotes) and the Unix time it was made at.

    Takes a UUIDv7, bare or as the quoted string of the IETF draft. BadRequest for anything else, KeyTooOld, KeyFromAhead.
    """
    if not header:
        raise BadRequest(KEY, "missing: send a UUIDv7, a new one for each command, the same one for each retry")
    key = header.lower()
    if key[0] == key[-1] == '"':
        key = key[1:-1]
    if not _UUID7.fullmatch(key):
        raise BadRequest(KEY, "not a UUIDv7")
    made = int(key[:8] + key[9:13], 16) / 1000
    if made < now - OLDEST:
        raise KeyTooOld
    if made > now + AHEAD:
        raise KeyFromAhead
    return key, made


def version_of(header: str | None, required: bool) -> int | None:
    """The version in `If-Match: "<version>"`. IfMatchMissing where required, BadRequest for any other form."""
    if header is None:
        if required:
            raise IfMatchMissing
        return None
    found = _VERSION.fullmatch(header)
    if not found:
        raise BadRequest(IF_MATCH, 'not one strong ETag "<version>"')
    return int(found[1])
