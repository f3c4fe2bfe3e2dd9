"""One store operation in flight for each job: what becomes ready meanwhile goes out together with the next.

A command waits at most for the operation before its own, and sixteen of them share one round trip.
"""

import asyncio
from collections.abc import Sequence

from shared.refusals import Unavailable
from shared.store.port import Collection, Doc, StoreAway

MOST = 200  # documents an operation
TOO_OLD = 10.0  # seconds after which a command is not inserted any more (protocol.md D8)
FIRST_PAUSE, LONGEST_PAUSE = 0.02, 1.0


class _Waiting:
    __slots__ = ("document", "future", "started")

    def __init__(self, document: Doc, started: float, future: "asyncio.Future[bool]") -> None:
        self.document, self.started, self.future = document, started, future


class Inserts:
    """Group commit: unordered inserts, one in flight; each document's own outcome goes to its own command."""

    def __init__(self, commits: Collection) -> None:
        self._commits = commits
        self._queue: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = None

    async def insert(self, document: Doc, started: float) -> bool:
        """True when stored, False when its `_id` is taken (by whom: read it). Raises Unavailable.

        After an unknown outcome the same document is inserted again until its outcome is known or it is too old.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(document, started, loop.create_future())
        self._queue.append(waiting)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        return await waiting.future

    async def _work(self) -> None:
        pause = FIRST_PAUSE
        while batch := self._take():
            try:
                stored = await self._commits.insert([waiting.document for waiting in batch])
            except StoreAway:
                self._queue[:0] = batch
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Exception as bug:
                for waiting in batch:
                    _settle(waiting, error=bug)
            else:
                pause = FIRST_PAUSE
                for waiting, done in zip(batch, stored, strict=True):
                    _settle(waiting, done)

    def _take(self) -> list[_Waiting]:
        now = asyncio.get_running_loop().time()
        for waiting in self._queue:
            if now - waiting.started > TOO_OLD:
                _settle(waiting, error=Unavailable("the outcome could not be settled in time"))
        self._queue = [waiting for waiting in self._queue if not waiting.future.done()]
        batch, self._queue = self._queue[:MOST], self._queue[MOST:]
        return batch


def _settle(waiting: _Waiting, stored: bool = False, error: Exception | None = None) -> None:
    if waiting.future.done():
        return
    if error is None:
        waiting.future.set_result(stored)
    else:
        waiting.future.set_exception(error)


class Reads:
    """Shared reads: what several commands want to know at the same moment is asked once."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._wanted: dict[str, None] = {}
        self._waiting: list[asyncio.Future[dict[str, Doc]]] = []  # one each: who gives up takes nobody along
        self._worker: asyncio.Task[None] | None = None

    async def get(self, ids: Sequence[str]) -> dict[str, Doc]:
        """The documents with these ids, read after this call began. Raises StoreAway."""
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        self._wanted.update(dict.fromkeys(ids))
        self._waiting.append(answer)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        found = await answer
        return {name: found[name] for name in ids if name in found}

    async def _work(self) -> None:
        while self._waiting:
            waiting, wanted = self._waiting, list(self._wanted)
            self._waiting, self._wanted = [], {}
            try:
                found = await self._collection.get(wanted)
            except Exception as error:
                _fail(waiting, error)
            else:
                for answer in waiting:
                    if not answer.done():
                        answer.set_result(found)


def _fail(waiting: Sequence["asyncio.Future[dict[str, Doc]]"], error: Exception) -> None:
    for answer in waiting:
        if not answer.done():
            answer.set_exception(error)
            answer.exception()  # seen, even if who waits for it is gone by then
