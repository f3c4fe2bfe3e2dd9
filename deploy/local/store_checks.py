"""What a store must do before the launcher uses it: the features our code stands on, and nothing acknowledged lost by SIGKILL."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient, InsertOne, ReplaceOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, PyMongoError
from pymongo.write_concern import WriteConcern

from deploy.local import stores
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.process import Child

Things = AsyncCollection[dict[str, Any]]
WRITERS, KILLS, BEFORE_KILL = 16, 3, 1.0


class Bench:
    """A private store of the kind under test, in a folder of its own."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind, self._folder, self._port = kind, folder, free_port()
        self._child: Child | None = None
        self.uri = stores.uri(kind, f"{LOOPBACK}:{self._port}")

    async def start(self) -> None:
        """Start it. Raises AssertionError where it does not come up."""
        self._child = Child(stores.launch(self._kind, self._port, self._folder), self._folder, self._folder / "log")
        assert await stores.ready(self.uri, 20), f"it did not start; its log is {self._folder / 'log'}"

    async def kill(self) -> None:
        if self._child:
            self._child.signal(signal.SIGKILL)
            await self._child.gone(5)

    @asynccontextmanager
    async def things(self) -> AsyncIterator[Things]:
        """A collection, by a client of its own."""
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(self.uri, serverSelectionTimeoutMS=3000)
        try:
            yield client["checks"].get_collection("things", write_concern=WriteConcern("majority"))
        finally:
            await client.close()


async def duplicates(bench: Bench) -> None:
    """An unordered insert_many stores what is new and names each duplicate."""
    async with bench.things() as things:
        await things.insert_many([{"_id": "b"}, {"_id": "d"}])
        try:
            await things.insert_many([{"_id": x} for x in "abcde"], ordered=False)
        except BulkWriteError as error:
            refused = [(e["index"], e["code"]) for e in error.details["writeErrors"]]
        else:
            refused = []
        assert refused == [(1, 11000), (3, 11000)], f"the duplicates it reported are {refused}"
        assert {x["_id"] async for x in things.find()} == set("abcde")


async def guards(bench: Bench) -> None:
    """A write with a version in its filter happens once, alone and in a bulk; a unique and a partial index hold."""
    async with bench.things() as things:
        await things.insert_one({"_id": "g", "v": 1})
        results = await asyncio.gather(*(things.update_one({"_id": "g", "v": 1}, {"$set": {"v": 2}}) for _ in range(8)))
        assert sum(result.modified_count for result in results) == 1
        bulk = await things.bulk_write(
            [ReplaceOne({"_id": "g", "v": v}, {"_id": "g", "v": v + 1}) for v in (2, 2, 3)], ordered=True
        )
        assert bulk.matched_count == 2
        await things.create_index("n", unique=True, partialFilterExpression={"n": {"$gt": 0}})
        await things.insert_many([{"n": 0}, {"n": 0}, {"n": 1}])
        try:
            await things.insert_one({"n": 1})
        except DuplicateKeyError:
            pass
        else:
            raise AssertionError("a unique index let a duplicate through")
        groups = await (
            await things.aggregate([{"$match": {"n": 0}}, {"$group": {"_id": "$n", "c": {"$sum": 1}}}])
        ).to_list()
        assert groups == [{"_id": 0, "c": 2}]
        page = await things.find({"n": {"$gte": 0}}).sort([("n", 1), ("_id", 1)]).limit(2).to_list()
        assert [x["n"] for x in page] == [0, 0]


async def resumed(bench: Bench) -> None:
    """A change stream resumes behind its token after the store was killed and started again, without gap or repeat."""
    only_inserts = [{"$match": {"operationType": "insert"}}]
    async with bench.things() as things, await things.watch(only_inserts) as stream:
        await things.bulk_write([InsertOne({"_id": f"r{n}"}) for n in range(10)])
        seen = [(await stream.next())["documentKey"]["_id"] for _ in range(5)]
        token = stream.resume_token
    await bench.kill()
    await bench.start()
    async with bench.things() as things, await things.watch(only_inserts, resume_after=token) as stream:
        await things.insert_one({"_id": "r10"})
        seen += [(await stream.next())["documentKey"]["_id"] for _ in range(6)]
    assert seen == [f"r{n}" for n in range(11)], seen


async def durable(bench: Bench) -> None:
    """Whatever insert was acknowledged before a SIGKILL is there afterwards."""
    for kill in range(KILLS):
        acknowledged: list[str] = []
        async with bench.things() as things:
            writers = [asyncio.create_task(_write(things, f"{kill}-{n}", acknowledged)) for n in range(WRITERS)]
            await asyncio.sleep(BEFORE_KILL)
            await bench.kill()
            await asyncio.gather(*writers)
        await bench.start()
        async with bench.things() as things:
            there = {x["_id"] async for x in things.find({"kill": kill}, {"_id": 1})}
        missing = set(acknowledged) - there
        assert not missing, f"{len(missing)} of {len(acknowledged)} acknowledged inserts were lost by SIGKILL"
        assert acknowledged, "nothing was acknowledged"


async def _write(things: Things, who: str, acknowledged: list[str]) -> None:
    n = 0
    while True:
        batch = [f"{who}-{n + i}" for i in range(4)]
        try:
            await things.insert_many([{"_id": x, "kill": int(who.partition("-")[0])} for x in batch], ordered=False)
        except PyMongoError:
            return  # the kill: this batch was not acknowledged
        acknowledged += batch
        n += 4


CHECKS: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "unordered insert_many names its duplicates": duplicates,
    "guarded writes, unique and partial indexes, groups, pages": guards,
    "change stream resumes over a kill": resumed,
    "acknowledged inserts survive SIGKILL": durable,
}


async def run(kind: str) -> dict[str, str]:
    """Each check by name with "" where it held, else what went wrong. Uses a folder and a port of its own."""
    found = {}
    for name, check in CHECKS.items():
        with tempfile.TemporaryDirectory(prefix="hamkke-checks-") as folder:
            bench = Bench(kind, Path(folder))
            try:
                async with asyncio.timeout(90):
                    await bench.start()
                    await check(bench)
                found[name] = ""
            except (AssertionError, PyMongoError, TimeoutError) as error:
                found[name] = str(error) or type(error).__name__
            finally:
                await bench.kill()
    return found
