"""What no generator guesses: ids of calls that exist, keys of today, versions that are current, cursors that we gave out."""

import json
import os
import random
from typing import Any

import schemathesis

from tests.flows.client import uuid7

KNOWN = json.loads(os.environ.get("HAMKKE_TEST_CALLS", "[]"))


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Where a request is meant to be good, make it one that gets past the door."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.path_parameters and "call_id" in case.path_parameters and random.random() < 0.7:
        case.path_parameters["call_id"] = random.choice(KNOWN)
    if case.headers and "idempotency-key" in case.headers:
        case.headers["idempotency-key"] = uuid7()
    if case.headers:
        case.headers.pop("read-after", None)
        if "if-match" in case.headers and random.random() < 0.7:
            case.headers["if-match"] = f'"{random.randint(1, 4)}"'
    if case.query:
        case.query.pop("after", None)
