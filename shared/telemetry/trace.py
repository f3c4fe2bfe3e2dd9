"""W3C trace context: which request a log line, a commit and a record belong to."""

import os
import re
from contextvars import ContextVar

current: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The traceparent of what is being worked on, or None."""

_FORM = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16


def continued(traceparent: str | None) -> str:
    """A traceparent of our own for the next step: in the caller's trace where the header is valid, else in a new one.

    Invalid: other than lower-case hex, all-zero ids, version ff, anything after the flags in version 00.
    """
    found = _FORM.fullmatch(traceparent) if traceparent else None
    if found:
        version, trace, span, flags, more = found.groups()
        if version != "ff" and trace != _NO_TRACE and span != _NO_SPAN and not (version == "00" and more):
            return f"00-{trace}-{os.urandom(8).hex()}-{int(flags, 16) & 1:02x}"
    fresh = os.urandom(24).hex()
    return f"00-{fresh[:32]}-{fresh[32:]}-01"


def trace_id(traceparent: str | None) -> str:
    """The 32 hex digits that name the whole trace; empty when there is none."""
    return traceparent[3:35] if traceparent else ""
