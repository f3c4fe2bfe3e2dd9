"""What no generator guesses: ids of calls that exist, keys of today, versions that are current, values that are asked for."""

import json
import os
from random import Random
from typing import Any

import schemathesis

from tests.flows.client import uuid7
from tests.flows.stories import QUOTAS, a_call

KNOWN = json.loads(os.environ.get("HAMKKE_TEST_CALLS", "[]"))
OWN = Random(20260305)  # Hypothesis seeds the common one anew for every example


def often() -> bool:
    return OWN.random() < 0.8


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Where a request is meant to be good, mostly make it one that gets past the door."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.path_parameters and "call_id" in case.path_parameters and often():
        case.path_parameters["call_id"] = OWN.choice(KNOWN)
    if case.query:
        case.query.pop("after", None)
    _good_headers(case)
    if isinstance(case.body, dict) and often():
        _good_body(case.body)


def _good_headers(case: Any) -> None:
    if not case.headers:
        return
    case.headers.pop("read-after", None)
    if "idempotency-key" in case.headers:
        case.headers["idempotency-key"] = uuid7()
    if "if-match" in case.headers and often():
        if "applications" in case.operation.path or case.operation.path == "/calls":
            del case.headers["if-match"]
        else:
            case.headers["if-match"] = f'"{OWN.randint(1, 4)}"'


def _good_body(body: dict[str, Any]) -> None:
    if "attributes" in body:
        body["attributes"] = {"sex": OWN.choice(QUOTAS)["value"]}
    if "seats" in body:
        body |= {name: value for name, value in a_call().items() if name.endswith(("_at", "_by", "seats", "quotas"))}
