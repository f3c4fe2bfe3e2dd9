"""What operators do before anybody can apply, with defaults, so that a story mentions only what matters."""

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.moments import text
from tests.flows.client import Client

QUOTAS = [
    {"feature": "sex", "value": "female", "min": 25, "max": 26},
    {"feature": "sex", "value": "male", "min": 24, "max": 25},
]


def a_call(**changes: Any) -> dict[str, Any]:
    """The form of a call that is open from a minute ago for three weeks."""
    now = datetime.now(UTC)
    return {
        "project_id": "PRJ-2026-001",
        "title": {"ko": "온새미길 시민참여단 모집", "en": "Call for the Onsaemi citizens' panel"},
        "question": {"ko": "온새미역 주변을 밤에도 안전하게 걷게 하려면 무엇을 바꿔야 할까요?"},
        "seats": 50,
        "quotas": QUOTAS,
        "opens_at": text(now - timedelta(minutes=1)),
        "closes_at": text(now + timedelta(days=21)),
        "result_by": text(now + timedelta(days=28)),
    } | changes


def an_application(**changes: Any) -> dict[str, Any]:
    return {"attributes": {"sex": "female"}, "answers": {"motive": "밤길이 어둡습니다."}} | changes


async def drafted(operator: Client, **changes: Any) -> str:
    """The id of a drafted call."""
    answer = await operator.post("/calls", a_call(**changes))
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def opened(operator: Client, **changes: Any) -> str:
    """The id of a call that takes applications."""
    call_id = await drafted(operator, **changes)
    for version, verb in enumerate(("publish", "open"), start=1):
        answer = await operator.post(f"/calls/{call_id}/{verb}", version=version)
        assert answer.status_code == 200, answer.text
    return call_id
