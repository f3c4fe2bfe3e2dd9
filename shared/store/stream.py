"""A change stream of inserts, walked by plain commands: whole batches, no work per document, resumable."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any, Self

from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import OperationFailure, PyMongoError

from shared.store.port import Doc, StoreAway, StreamLost, Token
from shared.store.trouble import STREAM_IS_OVER, translated

BATCH = 1000
SIP = 1.0
"""Seconds a single getMore waits at most: far below the client's socket timeout."""
LONGEST = 10.0
"""Seconds until a command that never returns is given up."""
A_FULL_REPLY = 100
"""From so many documents on, more are probably there already (SecantusDB reads 200 oplog rows per getMore)."""


class MongoChangeStream:
    """See `shared.store.port.ChangeStream`. Some servers wake it for any write to any collection: it waits on."""

    def __init__(self, database: AsyncDatabase[Doc], collection: str, session: AsyncClientSession) -> None:
        self._database, self._collection, self._session = database, collection, session
        self._cursor = 0
        self._waiting: list[Doc] = []
        self._behind: Token = None
        self._token: Token = None

    @classmethod
    async def open(cls, database: AsyncDatabase[Doc], collection: str, after: Token | None) -> Self:
        # a cursor is read in the session that opened it
        self = cls(database, collection, database.client.start_session(causal_consistency=False))
        # no further stages: on SecantusDB a match and a projection cost more than reading the change itself
        pipeline = [{"$changeStream": {} if after is None else {"resumeAfter": after}}]
        command = {"aggregate": collection, "pipeline": pipeline, "cursor": {"batchSize": BATCH}}
        try:
            cursor = await self._answer(database.command(command, session=self._session))
        except BaseException:
            await self._session.end_session()
            raise
        self._token = after if after is not None else cursor["postBatchResumeToken"]
        self._take(cursor, "firstBatch")
        return self

    @property
    def token(self) -> Token:
        return self._token

    async def batch(self, wait: float) -> list[Doc]:
        until = time.monotonic() + wait
        while not self._waiting:
            left = until - time.monotonic()
            await self._more(max(0.001, min(left, SIP)))
            if left <= 0:
                break
        while A_FULL_REPLY <= len(self._waiting) < BATCH:
            before = len(self._waiting)
            await self._more(0.001)
            if len(self._waiting) - before < A_FULL_REPLY:
                break
        docs, self._waiting, self._token = self._waiting, [], self._behind
        return docs

    async def close(self) -> None:
        with suppress(PyMongoError):  # a cursor that cannot be closed now is closed by the server's own timeout
            if self._cursor:
                await self._database.command(
                    {"killCursors": self._collection, "cursors": [self._cursor]}, session=self._session
                )
        self._cursor = 0
        await self._session.end_session()

    async def _more(self, wait: float) -> None:
        if not self._cursor:
            raise StreamLost("the change stream is closed")
        command = {
            "getMore": self._cursor,
            "collection": self._collection,
            "batchSize": BATCH,
            "maxTimeMS": int(wait * 1000),
        }
        self._take(await self._answer(self._database.command(command, session=self._session)), "nextBatch")

    def _take(self, cursor: Doc, batch: str) -> None:
        changes = cursor[batch]
        self._cursor = cursor["id"]
        self._waiting += [change["fullDocument"] for change in changes if change["operationType"] == "insert"]
        self._behind = cursor.get("postBatchResumeToken") or (changes[-1]["_id"] if changes else self._behind)

    async def _answer(self, command: Awaitable[dict[str, Any]]) -> Doc:
        try:
            async with asyncio.timeout(LONGEST):  # the driver has its own deadline, and now and then does not keep it
                reply = await command
        except TimeoutError as late:
            raise StoreAway("the driver did not return") from late
        except OperationFailure as error:
            if error.code in STREAM_IS_OVER:
                raise StreamLost(str(error)) from error
            raise translated(error) from error
        except PyMongoError as error:
            raise translated(error) from error
        cursor: Doc = reply["cursor"]
        return cursor
