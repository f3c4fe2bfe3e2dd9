"""The store over MongoDB's wire protocol: PyMongo's async client, plain commands, a deadline on every one of them.

Commands are spelled out because the driver's own retries would hide an unknown outcome that only the caller can settle
(protocol.md D8), and because they cost less. Writes wait for the majority, and reads see only what a majority has.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Self

import pymongo
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import PyMongoError

from shared.store.port import Doc, StoreAway, Token
from shared.store.stream import MongoChangeStream
from shared.store.trouble import DUPLICATE, refused, translated

DEADLINE = 5.0
"""Seconds until an operation without an answer counts as "the store is away"."""
SPARE = 2.0
"""Seconds past the driver's own deadline."""
PATIENCE = 60.0
"""The same for what may have to look at every document, and nobody waits for over HTTP: scans, making an index."""
INSERT_AT_MOST = 100
"""Documents of one insert command: even the largest commits stay below the wire protocol's 48 MB."""
SCAN_BATCH = 500
GET_AT_MOST = 32
"""Ids of one find: SecantusDB holds each found document against the whole list, so 500 at once take 20 times as long."""


@asynccontextmanager
async def _deadline(seconds: float | None = None) -> AsyncIterator[None]:
    """Bounds what is inside, and turns the driver's failures into the port's.

    The driver keeps its own deadline, but for a call now and then that never returns: what waits for it would hang.
    """
    limit = DEADLINE if seconds is None else seconds
    try:
        async with asyncio.timeout(limit + SPARE):
            with pymongo.timeout(limit):
                yield
    except TimeoutError as late:
        raise StoreAway("the driver did not return") from late
    except PyMongoError as error:
        raise translated(error) from error


class MongoCollection:
    """One collection. See `shared.store.port.Collection` for what the verbs promise."""

    def __init__(self, database: AsyncDatabase[Doc], name: str) -> None:
        self.name = name
        self._database = database
        self._handle = database[name]
        self._write_concern = database.write_concern.document
        self._read_concern = {"readConcern": database.read_concern.document} if database.read_concern.level else {}

    async def insert(self, docs: Sequence[Doc]) -> list[bool]:
        stored = [True] * len(docs)
        for start in range(0, len(docs), INSERT_AT_MOST):
            some = list(docs[start : start + INSERT_AT_MOST])
            for error in await self._write({"insert": self.name, "documents": some}):
                if error["code"] != DUPLICATE:
                    raise refused(error)
                stored[start + error["index"]] = False
        return stored

    async def get(self, ids: Sequence[str], fields: Sequence[str] = (), without: Sequence[str] = ()) -> dict[str, Doc]:
        found: dict[str, Doc] = {}
        for start in range(0, len(ids), GET_AT_MOST):
            some = list(ids[start : start + GET_AT_MOST])
            found |= {doc["_id"]: doc for doc in await self._get(some, _projection(fields, without))}
        return found

    async def _get(self, ids: list[str], projection: Doc) -> list[Doc]:
        where: Doc = {"_id": ids[0] if len(ids) == 1 else {"$in": ids}}
        command: Doc = {"find": self.name, "filter": where, "batchSize": len(ids) + 1, **self._read_concern}
        if projection:
            command["projection"] = projection
        async with _deadline():
            cursor = (await self._database.command(command))["cursor"]
            found: list[Doc] = cursor["firstBatch"]
            if cursor["id"]:  # more than one reply holds: let the driver walk a cursor of its own
                found = await self._handle.find(where, projection or None).to_list()
        return found

    async def find(
        self, where: Doc, sort: Sequence[tuple[str, int]] = (), limit: int = 0, fields: Sequence[str] = ()
    ) -> list[Doc]:
        async with _deadline():
            cursor = self._handle.find(where, _projection(fields, ()) or None, limit=limit)
            return await (cursor.sort(list(sort)) if sort else cursor).to_list()

    async def replace(self, writes: Sequence[tuple[Doc, Doc]]) -> int:
        matched = 0
        for start in range(0, len(writes), INSERT_AT_MOST):
            some = [{"q": where, "u": doc} for where, doc in writes[start : start + INSERT_AT_MOST]]
            reply = await self._command({"update": self.name, "updates": some, "ordered": False})
            for error in reply.get("writeErrors", ()):
                if error["code"] != DUPLICATE:
                    raise refused(error)
            matched += int(reply["n"])
        return matched

    async def update(self, where: Doc, changes: Doc, upsert: bool = False) -> int:
        command = {"update": self.name, "updates": [{"q": where, "u": changes, "multi": not upsert, "upsert": upsert}]}
        while True:
            reply = await self._command(command)
            errors = reply.get("writeErrors", ())
            if not errors:
                return int(reply["n"])
            if not (upsert and errors[0]["code"] == DUPLICATE):  # two upserts at once: the document is there now
                raise refused(errors[0])

    async def aggregate(self, pipeline: Sequence[Doc]) -> list[Doc]:
        async with _deadline():
            return await (await self._handle.aggregate(list(pipeline))).to_list()

    async def watch(self, after: Token | None = None) -> MongoChangeStream:
        async with _deadline():
            return await MongoChangeStream.open(self._database, self.name, after)

    async def scan(
        self, where: Doc | None = None, fields: Sequence[str] = (), without: Sequence[str] = ()
    ) -> AsyncIterator[list[Doc]]:
        await self._is_there()
        async with self._handle.find(
            where or {}, _projection(fields, without) or None, batch_size=SCAN_BATCH
        ) as cursor:
            while True:
                async with _deadline(PATIENCE):
                    docs = await cursor.to_list(SCAN_BATCH)
                if not docs:
                    return
                yield docs

    async def index(self, *keys: str, unique: bool = False, partial: Doc | None = None) -> None:
        order = [
            (key.removeprefix("-"), pymongo.DESCENDING if key.startswith("-") else pymongo.ASCENDING) for key in keys
        ]
        options: Doc = {"unique": True} if unique else {}
        if partial is not None:
            options["partialFilterExpression"] = partial
        await self._is_there()
        async with _deadline(PATIENCE):
            await self._handle.create_index(order, **options)

    async def drop(self) -> None:
        async with _deadline():
            await self._handle.drop()

    async def _is_there(self) -> None:
        """Asked before what is given more time: a store that is away would else be looked for that long."""
        async with _deadline():
            await self._database.command("ping")

    async def _write(self, command: Doc) -> list[Doc]:
        return list((await self._command({**command, "ordered": False})).get("writeErrors", ()))

    async def _command(self, command: Doc) -> Doc:
        command["writeConcern"] = self._write_concern
        async with _deadline():
            reply: Doc = await self._database.command(command)
        if failed := reply.get("writeConcernError"):
            raise refused(failed, of_concern=True)
        return reply


class MongoStore:
    """One service's database, on a client that belongs to the event loop that runs now (make it in the lifespan)."""

    def __init__(self, client: AsyncMongoClient[Doc], database: str) -> None:
        self._client = client
        self._database = client[database]
        self._collections: dict[str, MongoCollection] = {}

    @classmethod
    def connect(cls, uri: str, database: str) -> Self:
        """Connects with the first operation, so a store that is away shows there, as StoreAway."""
        patience = int(DEADLINE * 1000)
        return cls(
            AsyncMongoClient(
                uri,
                w="majority",
                readConcernLevel="majority",
                serverSelectionTimeoutMS=patience,
                connectTimeoutMS=patience,
                socketTimeoutMS=patience,
            ),
            database,
        )

    def __getitem__(self, name: str) -> MongoCollection:
        if name not in self._collections:
            self._collections[name] = MongoCollection(self._database, name)
        return self._collections[name]

    async def clock_skew(self) -> float:
        before = time.time()
        async with _deadline():
            hello = await self._client.admin.command("hello")
        middle = datetime.fromtimestamp((before + time.time()) / 2, UTC)
        return float((middle - hello["localTime"].replace(tzinfo=UTC)).total_seconds())

    async def close(self) -> None:
        await self._client.close()


def _projection(fields: Sequence[str], without: Sequence[str]) -> Doc:
    return dict.fromkeys(fields, 1) if fields else dict.fromkeys(without, 0)
