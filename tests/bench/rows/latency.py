"""From the answer until another service's view shows it, against the dual write, which is as fast as it is unsafe."""

import asyncio
from statistics import quantiles
from typing import Any

from pymongo import AsyncMongoClient

from tests.bench import asked, load
from tests.bench.bench import Bench
from tests.bench.burst import burst
from tests.bench.place import Place, fresh, plain, services
from tests.bench.report import Row, Sample, at_most_times
from tests.bench.rounds import alternate
from tests.bench.rows.commands import open_calls

PATIENCE = 60.0
OURS = ("hamkke_notifications", "{stream}@1/{citizen}/application-received.1")
THEIRS = ("plain_inbox", "{stream}@1")
COUNTS = {1: 400, 16: 2_000}


async def visible(bench: Bench) -> list[Row]:
    """Four rows: p50 and p99, at 1 and at 16 clients."""
    rows: list[Row] = []
    async with services(bench.store) as ours, plain(bench.store, ours.keys, dual=True) as theirs:
        call = next(iter((await open_calls(ours, 1)).calls))

        async def watched(place: Place, where: tuple[str, str], clients: int, count: int) -> dict[str, Any]:
            arguments = {
                "store_uri": place.platform.store_uri, "url": place.url, "keys": str(ours.keys), "call": call,
                "database": where[0], "entry": where[1], "clients": clients, "count": count, "salt": fresh("people"),
            }  # fmt: skip
            return await burst("rows.latency:watch", arguments)

        await watched(ours, OURS, 16, 200)
        await watched(theirs, THEIRS, 16, 200)
        for clients, count in COUNTS.items():
            tails: dict[int, dict[str, Sample]] = {}

            async def one(place: Place, where: tuple[str, str], side: str, number: int) -> Sample:
                got = await watched(place, where, clients, bench.size(count))  # noqa: B023 (called within the loop)
                tails.setdefault(number, {})[side] = Sample(got["p99"])  # noqa: B023
                return Sample(got["p50"])

            rounds = await alternate(
                bench.rounds,
                lambda number: one(theirs, THEIRS, "baseline", number),
                lambda number: one(ours, OURS, "candidate", number),
                bench.step,
            )
            worst = [type(rounds[0])(**tails[number]) for number in sorted(tails)]
            rows.append(at_most_times(bench.name(f"visible_p50_{clients}"), "ms", rounds, 5.0))
            rows.append(at_most_times(bench.name(f"visible_p99_{clients}"), "ms", worst, 5.0))
    return rows


# In the burst's process


async def watch(
    store_uri: str, url: str, keys: str, call: str, database: str, entry: str, clients: int, count: int, salt: str
) -> dict[str, Any]:
    """Apply, and look for each entry until it is there; milliseconds behind the answer (0: it was there before)."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(store_uri)
    inbox = client[database]["inbox"]
    chains = asked.applications(keys, call, salt, count)
    told = load.Told()
    seen: dict[str, float] = {}
    looking = asyncio.create_task(_look(inbox, entry, told, seen, count))
    await load.send_all(url, chains, clients, told)
    told.check()
    async with asyncio.timeout(PATIENCE):
        await looking
    await client.close()
    waits = [max(0.0, seen[_name(entry, chain.stream)] - at) * 1000 for chain, at in told.answered]
    cuts = quantiles(waits, n=100)
    return {"p50": cuts[49], "p99": cuts[98]}


def _name(entry: str, stream: str) -> str:
    return entry.format(stream=stream, citizen=stream.rpartition(":")[2])


async def _look(inbox: Any, entry: str, told: load.Told, seen: dict[str, float], count: int) -> None:
    loop, taken, outstanding = asyncio.get_running_loop(), 0, list[str]()
    while len(seen) < count:
        outstanding += [_name(entry, chain.stream) for chain, _ in told.answered[taken:]]
        taken = len(told.answered)
        if outstanding:
            found = await inbox.find({"_id": {"$in": outstanding[:24]}}, {"_id": 1}).to_list()
            now = loop.time()
            seen |= {document["_id"]: now for document in found}
            outstanding = [name for name in outstanding if name not in seen]
        await asyncio.sleep(0.001)
