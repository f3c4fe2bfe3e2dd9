"""The call of the demonstration, written down, published and opened over HTTP by a programme operator."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.demo.client import Answer, Client, Person
from deploy.demo.pool import Pool
from deploy.local.trouble import Trouble
from shared.moments import text

PROJECT = "PRJ-2026-001"
TITLE = {"ko": "밤에도 걷고 싶은 온새미길", "en": "Onsaemi streets worth walking at night"}
QUESTION = {
    "ko": "온새미역 주변을 누구나 밤에도 안전하고 편하게 걷게 하려면 무엇을 바꿔야 할까요?",
    "en": "What should change so that anyone can walk safely and comfortably around Onsaemi Station, also at night?",
}
OPEN_FOR, RESULT_AFTER = timedelta(days=22), timedelta(days=29)


async def open_call(client: Client, operator: Person, pool: Pool, seats: int) -> str:
    """A new, open call for this pool's quotas; its id. Raises Trouble when the service refuses one of the steps."""
    receipt = _accepted("written down", await client.command(operator, "/calls", form(pool, seats, datetime.now(UTC))))
    call_id, version = str(receipt["id"]), int(receipt["version"])
    for verb, done in (("publish", "published"), ("open", "opened")):
        answer = await client.command(operator, f"/calls/{call_id}/{verb}", if_match=version)
        version = int(_accepted(done, answer)["version"])
    return call_id


def form(pool: Pool, seats: int, now: datetime) -> dict[str, Any]:
    """What POST /calls takes: open since a minute ago, for 22 days."""
    return {
        "project_id": PROJECT,
        "title": TITLE,
        "question": QUESTION,
        "seats": seats,
        "quotas": [
            {
                "feature": pool.feature_codes[quota.feature],
                "value": pool.value_codes[quota.feature][quota.value],
                "min": quota.min,
                "max": quota.max,
            }
            for quota in pool.quotas
        ],
        "opens_at": text(now - timedelta(minutes=1)),
        "closes_at": text(now + OPEN_FOR),
        "result_by": text(now + RESULT_AFTER),
    }


def _accepted(done: str, answer: Answer) -> Mapping[str, Any]:
    if not answer.accepted:
        details = answer.body.get("errors") or ""
        raise Trouble(f"The call could not be {done}: {answer.why} {details}".rstrip())
    return answer.body
