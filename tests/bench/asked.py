"""The commands that the bursts send: applying (a new stream each) and extending a call (streams that grow)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from shared.http.roles import Role
from tests.bench.load import Chain, Connection, Tokens, uuid7
from tests.bench.made import ANSWER, citizen

OPERATOR = citizen(0, "operator")
QUOTAS = [{"feature": "sex", "value": value, "min": 0, "max": 100} for value in ("F", "M")]
FIRST_CLOSING = datetime(2030, 1, 1, tzinfo=UTC)
RESULT_BY = "2090-01-01T00:00:00Z"
REASON = {"ko": "더 많은 분의 신청을 기다립니다.", "en": "We would like more people to apply."}
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def call_form(now: datetime) -> dict[str, Any]:
    """A call whose window is open."""
    return {
        "project_id": "p1",
        "title": {"ko": "안전한 보행로를 함께 만들 시민을 찾습니다", "en": "Citizens wanted for safer footpaths"},
        "question": {"ko": "어디가 위험한가요?", "en": "Where is it dangerous?"},
        "seats": 100,
        "quotas": QUOTAS,
        "opens_at": (now - timedelta(days=1)).isoformat(),
        "closes_at": FIRST_CLOSING.isoformat(),
        "result_by": RESULT_BY,
    }


async def open_calls(url: str, keys: str, number: int) -> dict[str, int]:
    """Draft, publish and open so many calls; the version of each by its id."""
    token = Tokens(keys).of(OPERATOR, Role.PROGRAM_OPERATOR)
    connection, calls = await Connection.open(url), dict[str, int]()

    async def ask(path: str, body: Any, *more: str) -> dict[str, Any]:
        headers = [f"Authorization: Bearer {token}", f"Idempotency-Key: {uuid7()}", *more]
        status, answer = await connection.ask("POST", path, headers, orjson.dumps(body) if body else b"")
        if status not in (200, 201):
            raise RuntimeError(f"{path}: {status} {answer.decode()}")
        found: dict[str, Any] = orjson.loads(answer)
        return found

    for _ in range(number):
        receipt = await ask("/calls", call_form(datetime.now(UTC)))
        for verb in ("publish", "open"):
            receipt = await ask(f"/calls/{receipt['id']}/{verb}", None, f'If-Match: "{receipt["version"]}"')
        calls[receipt["id"]] = receipt["version"]
    connection.close()
    return calls


def applications(keys: str, call_id: str, salt: str, number: int) -> list[Chain]:
    """So many people, each with a token of their own, each applying once, with answers of 300 bytes."""
    tokens = Tokens(keys)
    form = {"attributes": {"sex": "F"}, "answers": {"why": ANSWER[:260]}}
    path = f"/calls/{call_id}/applications"
    return [
        Chain(
            path, tokens.of(citizen(one, salt), Role.CITIZEN), lambda _: form, stream=_application(call_id, one, salt)
        )
        for one in range(number)
    ]


def _application(call_id: str, one: int, salt: str) -> str:
    return f"application:{call_id}:{citizen(one, salt)}"


def extensions(keys: str, calls: dict[str, int], number: int) -> list[Chain]:
    """So many extensions in all, spread evenly over the calls."""
    token = Tokens(keys).of(OPERATOR, Role.PROGRAM_OPERATOR)
    share, more = divmod(number, len(calls))
    return [
        Chain(f"/calls/{call}/extend", token, _extension, share + (place < more), version, stream=f"call:{call}")
        for place, (call, version) in enumerate(calls.items())
        if share + (place < more)
    ]


def _extension(_: int) -> dict[str, Any]:
    """Later than any asked for before, by the milliseconds that have passed."""
    return {"closes_at": (FIRST_CLOSING + (datetime.now(UTC) - BEGINNING)).isoformat(), "reason": REASON}
