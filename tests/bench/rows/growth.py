"""What a long log and long streams cost: the same program with 100,000 commits behind it, and fresh."""

import asyncio
import signal
from dataclasses import replace
from typing import Any

from pymongo import AsyncMongoClient

from shared.contracts.recruitment import APPLICATION, CALL
from tests.bench import made
from tests.bench.bench import Bench
from tests.bench.burst import burst
from tests.bench.caughtup import Behind
from tests.bench.place import Place, services
from tests.bench.report import Row, Sample, at_least
from tests.bench.rounds import alternate
from tests.bench.rows.commands import DATABASE, Sent

LONG = 40  # streams of 1,000 events
PATIENCE = 900.0


async def grown(bench: Bench) -> list[Row]:
    """Three rows: any command after 100,000 commits; on streams of 1,000 events warm; and the first after a restart."""
    each, commits, count = bench.size(1_000), bench.size(100_000), bench.size(1_000)
    async with services(bench.store, ["recruitment"]) as old, services(bench.store, ["recruitment"]) as new:
        candidate = await _grow(old, LONG, each, commits - LONG * each)
        baseline = await _grow(new, LONG, 3, 0)

        async def cold(place: Place, sent: Sent) -> Sample:
            await asyncio.sleep(0.5)
            place.platform.hold("recruitment", signal.SIGTERM)
            await place.platform.release("recruitment")
            sample = await sent.append(LONG, 1)
            return replace(sample, value=LONG / sent.last["answered"])  # catching up costs both the same

        await baseline.apply(200)
        await candidate.apply(200)
        rounds, step = bench.rounds, bench.step
        applied = await alternate(rounds, lambda _: baseline.apply(count), lambda _: candidate.apply(count), step)
        warm = await alternate(rounds, lambda _: baseline.append(count), lambda _: candidate.append(count), step)
        first = await alternate(rounds, lambda _: cold(new, baseline), lambda _: cold(old, candidate), step)
    return [
        at_least(bench.name("after_100000_commits"), "commands/s", applied, 0.75),
        at_least(bench.name("stream_of_1000_warm"), "commands/s", warm, 0.75),
        at_least(bench.name("stream_of_1000_cold"), "commands/s", first, 0.75),
    ]


async def _grow(place: Place, streams: int, each: int, applications: int) -> Sent:
    sent = Sent(place, str(place.keys), follows=True)
    what = {"streams": streams, "each": each, "applications": applications}
    grown = await burst("rows.growth:grow", place.where() | what, PATIENCE)
    sent.calls, sent.ends = grown["calls"], grown["ends"]
    return sent


# In the burst's process


async def grow(
    store_uri: str, bootstrap: str, pids: dict[str, int], streams: int, each: int, applications: int
) -> dict[str, Any]:
    """Put a log into the store as years would have, and wait until relay and views know it."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(store_uri)
    log = client[DATABASE]["commits"]
    long = await made.grown_calls(streams, each)
    calls = {commit["stream"].partition(":")[2]: commit["last"] for commit in long}
    for start in range(0, len(long), 500):
        await log.insert_many(long[start : start + 500])
    last = ""
    async for batch in made.batches(applications):
        last = batch[-1]["stream"]
        for start in range(0, len(batch), 500):
            await log.insert_many(batch[start : start + 500])
    await client.close()
    ends = {
        "append": await _caught_up(
            store_uri, bootstrap, CALL.topic, "calls", {CALL.stream(call): at for call, at in calls.items()}, len(long)
        ),
        "apply": {} if not last else await _caught_up(
            store_uri, bootstrap, APPLICATION.topic, "applications", {last: 1}, applications
        ),
    }  # fmt: skip
    return {"calls": calls, "ends": ends}


async def _caught_up(
    store_uri: str, bootstrap: str, topic: str, view: str, versions: dict[str, int], records: int
) -> dict[str, int]:
    behind = Behind(store_uri, DATABASE, bootstrap, topic, {}, patience=PATIENCE)
    await behind.open()
    await behind.wait(view, versions, records)
    await behind.close()
    return behind.ends
