"""What schemathesis cannot know from a schema: an Idempotency-Key is of today, and a new one for each command.

Used as `SCHEMATHESIS_HOOKS=tests.shared.http.hooks schemathesis run URL --checks all`.
"""

import re
from typing import Any

import schemathesis

from shared.http.commands import UUID7_PATTERN
from tests.shared.http.tiny import uuid7


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Renew well-formed keys."""
    key = (case.headers or {}).get("idempotency-key")
    if key and re.fullmatch(UUID7_PATTERN.strip("^$"), key):
        case.headers["idempotency-key"] = uuid7()
