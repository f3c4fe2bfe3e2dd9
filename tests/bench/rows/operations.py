"""Documents and store operations per command, as the store is asked for them by requests."""

import asyncio
import signal
from typing import Any

import orjson

from shared.http.roles import Role
from tests.bench import asked, load
from tests.bench.bench import Bench
from tests.bench.burst import burst
from tests.bench.place import Place, fresh, services
from tests.bench.report import Row, at_most
from tests.bench.rows.commands import open_calls

BARS = {
    ("append", "warm", 1): 1.0,
    ("apply", "warm", 1): 2.0,
    ("refusal", "warm", 1): 2.0,
    ("append", "cold", 1): 2.0,
    ("apply", "cold", 1): 3.0,
    ("refusal", "cold", 1): 3.0,
    ("append", "warm", 16): 0.3,
    ("apply", "warm", 16): 0.5,
}
EACH = 20  # commands of a burst with one client
MANY = 800  # with 16


async def counted(bench: Bench) -> list[Row]:
    """A row for each kind of command, and one for the documents. The number at a row's end is that of the clients."""
    found: dict[tuple[str, str, int], list[float]] = {case: [] for case in BARS}
    documents: list[float] = []
    async with services(bench.store, ["recruitment"], hosted_by="tests.bench.counted") as place:
        calls = (await open_calls(place, 2 * EACH)).calls
        await burst("rows.operations:close", _where(place) | {"calls": _second_half(calls)})
        for _ in range(bench.rounds):
            for verb, warmth, clients in BARS:
                if warmth == "cold":
                    await _restart(place)
                count = MANY if clients > 1 else EACH
                one = await burst(
                    "rows.operations:ask",
                    _where(place) | {"verb": verb, "calls": calls, "count": count, "clients": clients,
                                     "cold": warmth == "cold", "salt": fresh("people")},
                )  # fmt: skip
                calls = one["calls"]
                found[verb, warmth, clients].append(one["counts"].get("operations", 0) / count)
                if verb != "refusal":
                    documents.append(one["counts"].get("documents", 0) / count)
            bench.step()
    unit = "operations/command"
    rows = [
        at_most(bench.name(f"operations_{v}_{w}_{n}"), unit, got, BARS[v, w, n]) for (v, w, n), got in found.items()
    ]
    return [*rows, at_most(bench.name("documents"), "documents/command", documents, 1.0, worst=True)]


def _where(place: Place) -> dict[str, Any]:
    return {"url": place.url, "keys": str(place.keys)}


def _first_half(calls: dict[str, int]) -> dict[str, int]:
    return dict(list(calls.items())[: len(calls) // 2])


def _second_half(calls: dict[str, int]) -> dict[str, int]:
    return dict(list(calls.items())[len(calls) // 2 :])


async def _restart(place: Place) -> None:
    """Nothing is in recruitment's memory any more; its views are up to date."""
    await asyncio.sleep(0.5)
    place.platform.hold("recruitment", signal.SIGTERM)
    await place.platform.release("recruitment")


# In the burst's process


async def close(url: str, keys: str, calls: dict[str, int]) -> dict[str, Any]:
    """Close these calls early, for those who come too late."""
    token, connection = load.Tokens(keys).of(asked.OPERATOR, Role.PROGRAM_OPERATOR), await load.Connection.open(url)
    for call, version in calls.items():
        headers = [f"Authorization: Bearer {token}", f"Idempotency-Key: {load.uuid7()}", f'If-Match: "{version}"']
        body = orjson.dumps({"reason": asked.REASON})
        status, answer = await connection.ask("POST", f"/calls/{call}/close", headers, body)
        if status != 200:
            raise RuntimeError(f"{status} {answer.decode()}")
    connection.close()
    return {}


async def ask(
    url: str, keys: str, verb: str, calls: dict[str, int], count: int, clients: int, cold: bool, salt: str
) -> dict[str, Any]:
    """The commands, and what they asked of the store. Cold: each on a call that nobody has asked for yet."""
    still_open, closed = _first_half(calls), _second_half(calls)
    chains = []
    if verb == "append":
        chains = asked.extensions(keys, still_open, count)
    else:
        among = list(closed if verb == "refusal" else still_open)
        for call in among if cold else among[:1]:
            chains += asked.applications(keys, call, f"{salt}{call}", count // (len(among) if cold else 1))
    if not cold:  # warm it is when each call has been asked for once
        warmed = asked.extensions(keys, still_open, len(still_open)) if verb == "append" else []
        late = asked.applications(keys, among[0], f"warm{salt}", 1) if verb != "append" else []
        await load.send_all(url, [*warmed, *late], 1)
        if verb == "append":
            still_open = {chain.stream.partition(":")[2]: chain.version or 0 for chain in warmed}
            chains = asked.extensions(keys, still_open, count)
    await _counts(url)
    told = await load.send_all(url, chains, clients)
    if verb != "refusal":
        told.check()
    counts = await _counts(url)
    if verb == "append":
        still_open |= {chain.stream.partition(":")[2]: chain.version or 0 for chain in chains}
    return {"counts": counts, "calls": still_open | closed, "statuses": dict(told.statuses)}


async def _counts(url: str) -> dict[str, int]:
    """What was counted since the last look."""
    connection = await load.Connection.open(url)
    _, answer = await connection.ask("GET", "/bench/counts")
    connection.close()
    found: dict[str, int] = orjson.loads(answer)
    return found
