"""The relay drains a log that grew while the broker was away."""

import asyncio
from typing import Any

from pymongo import AsyncMongoClient

from services.recruitment.views import APPLICATIONS
from shared.broker.kafka import KafkaBroker
from shared.contracts.recruitment import APPLICATION
from shared.follower.follower import Follower
from shared.store.mongo import MongoStore
from tests.bench import made
from tests.bench.bench import Bench
from tests.bench.burst import burst, rate
from tests.bench.meter import Meter
from tests.bench.place import fresh, servers
from tests.bench.report import Row, Sample, at_least
from tests.bench.rounds import alternate


async def drained(bench: Bench) -> list[Row]:
    """One row."""
    async with servers(bench.store) as place:
        database, commits = fresh("log"), bench.size(20_000)
        known = await burst("rows.relay:fill", place.where() | {"database": database, "commits": commits})
        arguments = {"database": database, "commits": commits, "token": known["before"]}

        async def baseline(number: int) -> Sample:
            more = {"topic": APPLICATION.topic}
            return rate(await burst("plain.relay:drain", place.where() | arguments | more))

        async def candidate(number: int) -> Sample:
            more = {"behind": known["behind"], "at": known["at"]}
            return rate(await burst("rows.relay:drain", place.where() | arguments | more))

        rounds = await alternate(bench.rounds, baseline, candidate, bench.step)
    return [at_least(bench.name("relay_drains_20000"), "commits/s", rounds, 0.70)]


# In the burst's process


async def fill(store_uri: str, bootstrap: str, pids: dict[str, int], database: str, commits: int) -> dict[str, Any]:
    """A log of `commits`, one a stream; the change stream's tokens before and behind it."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(store_uri)
    store = MongoStore.connect(store_uri, database)
    await client[database]["other"].insert_one({"_id": "first"})
    before = await store["commits"].watch()
    first, at = before.token, ""
    async for batch in made.batches(commits):
        at = batch[-1]["at"]
        for start in range(0, len(batch), 500):
            await client[database]["commits"].insert_many(batch[start : start + 500], ordered=False)
    await before.close()
    behind = await store["commits"].watch()
    token = behind.token
    await behind.close()
    await client.close()
    await store.close()
    return {"before": first, "behind": token, "at": at}


async def drain(
    store_uri: str, bootstrap: str, pids: dict[str, int], database: str, commits: int, token: Any, behind: Any, at: str
) -> dict[str, Any]:
    """The follower takes over: its views are up to date, its relay stands before the first commit."""
    store, broker = MongoStore.connect(store_uri, database), KafkaBroker([bootstrap], False, fetch_wait=0.02)
    for name in ("leases", "checkpoints"):
        await store[name].drop()
    await store["checkpoints"].insert(
        [
            {"_id": "views", "epoch": 0, "token": behind, "at": at},
            {"_id": "relay", "epoch": 0, "token": token, "at": at, "cluster": await broker.cluster_id(), "offsets": []},
        ]
    )
    follower = Follower(store, broker, [APPLICATIONS], "bench")
    with Meter(pids) as meter:
        running = asyncio.create_task(follower.run())
        while follower.relay is None or follower.relay.published < commits:
            if running.done() or (follower.trouble or "").startswith("it fails"):
                raise RuntimeError(f"the follower does not drain: {follower.trouble}")
            await asyncio.sleep(0.002)
    running.cancel()
    await asyncio.wait([running])
    await broker.close()
    await store.close()
    return meter.result(commits)
