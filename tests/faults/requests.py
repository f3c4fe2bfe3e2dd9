"""The commands that clients think of: with keys as UUIDv7, bodies, and a second body for those who change their mind."""

import time
from random import Random
from typing import Any

from tests.faults.ledger import Asked

QUOTAS = {"ageBand": ("19-39", "40-64", "65plus"), "sex": ("F", "M")}
OPENS, CLOSES, RESULT = "2020-01-01T00:00:00Z", "2035-01-01T00:00:00Z", "2035-02-01T00:00:00Z"


def uuid7(rng: Random) -> str:
    """A key that says when it was made (protocol.md D4)."""
    milliseconds = int(time.time() * 1000).to_bytes(6, "big").hex()
    tail = rng.randbytes(10).hex()
    return f"{milliseconds[:8]}-{milliseconds[8:]}-7{tail[:3]}-{'89ab'[rng.randrange(4)]}{tail[3:6]}-{tail[6:18]}"


def draft(rng: Random, actor: str) -> Asked:
    """A call whose window is open for years: what is decided shall not hang on the second."""
    quotas = [
        {"feature": feature, "value": value, "min": 0, "max": 60}
        for feature, values in QUOTAS.items()
        for value in values
    ]
    body = {
        "project_id": f"project-{rng.randrange(100)}",
        "title": {"ko": "시험 모집", "en": "A call under fire"},
        "question": {"ko": "무엇을 바꿀까요?", "en": "What shall change?"},
        "seats": 60,
        "quotas": quotas,
        "opens_at": OPENS,
        "closes_at": CLOSES,
        "result_by": RESULT,
    }
    return Asked(uuid7(rng), actor, "draft", "/calls", "", [body])


def on_call(verb: str, rng: Random, actor: str, call: str, year: int = 2036) -> Asked:
    """What operators do with a call: publish, open_call, close, extend."""
    body: dict[str, Any] | None = None
    if verb == "close":
        body = {"reason": {"ko": "시험", "en": "A trial"}}
    if verb == "extend":
        until = f"{year}-01-01T00:00:00Z"
        body = {"closes_at": until, "result_by": until, "reason": {"ko": "더 필요함", "en": "More wanted"}}
    path = f"/calls/{call}/{verb.removesuffix('_call')}"
    return Asked(uuid7(rng), actor, verb, path, call, [body])


def apply(rng: Random, actor: str, call: str) -> Asked:
    """An application; the second body has other answers."""
    bodies = [
        {
            "attributes": {feature: rng.choice(values) for feature, values in QUOTAS.items()},
            "answers": {"why": f"because {rng.randrange(10**9)}"},
        }
        for _ in range(2)
    ]
    return Asked(uuid7(rng), actor, "apply", f"/calls/{call}/applications", call, bodies)


def withdraw(rng: Random, actor: str, call: str) -> Asked:
    return Asked(uuid7(rng), actor, "withdraw", f"/calls/{call}/applications/mine/withdraw", call, [None])
