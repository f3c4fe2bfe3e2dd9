"""A store in memory, behind the same port as MongoDB, that can fail in every way a store across a network can."""

import marshal
import operator
from asyncio import Future, get_running_loop
from collections.abc import AsyncIterator, Callable, Sequence
from contextvars import Context
from random import Random
from typing import Any

from shared.store.port import Doc, StoreAway, StreamLost, Token
from tests.simulation.faults import GIVE_UP, VERY_LATE, Fate, Faults
from tests.simulation.loop import Process

OUTSIDE = Context()
"""The server's context: in no process, so that nothing kills or stops what is under way there."""


class Table:
    """One collection on the server's side. Documents are kept apart from everybody's hands."""

    __slots__ = ("docs", "inserted", "name", "packed", "unique", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.docs: dict[str, Doc] = {}
        self.packed: dict[str, bytes] = {}
        self.inserted: list[bytes] = []  # what change streams read, as it was when inserted
        self.unique: list[tuple[tuple[str, ...], Doc | None]] = []
        self.waiting: list[Future[None]] = []

    def insert(self, packed: bytes) -> bool:
        doc = marshal.loads(packed)
        if doc["_id"] in self.docs or any(self._taken(doc, keys, partial) for keys, partial in self.unique):
            return False
        self.docs[doc["_id"]], self.packed[doc["_id"]] = doc, packed
        self.inserted.append(packed)
        if self.waiting:
            for future in self.waiting:
                if not future.done():
                    future.set_result(None)
            self.waiting = []
        return True

    def put(self, doc: Doc) -> None:
        packed = marshal.dumps(doc, 2)
        self.docs[doc["_id"]], self.packed[doc["_id"]] = marshal.loads(packed), packed

    def copy(self, doc_id: str) -> Doc:
        return marshal.loads(self.packed[doc_id])  # type: ignore[no-any-return]

    def matching(self, where: Doc) -> list[str]:
        if type(where.get("_id")) is str:
            doc = self.docs.get(where["_id"])
            return [where["_id"]] if doc is not None and (len(where) == 1 or matches(doc, where)) else []
        return [doc_id for doc_id, doc in self.docs.items() if matches(doc, where)]

    def _taken(self, doc: Doc, keys: tuple[str, ...], partial: Doc | None) -> bool:
        if partial is not None and not matches(doc, partial):
            return False
        values = [value_at(doc, key) for key in keys]
        others = self.docs.values() if partial is None else [d for d in self.docs.values() if matches(d, partial)]
        return any([value_at(other, key) for key in keys] == values for other in others)


class MemoryServer:
    """The store's side of the wire, shared by all processes. `on_insert` hears of each document as it lands."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults.none(Random(0))
        self.tables: dict[str, Table] = {}
        self.oldest = 0  # change streams reach back to here
        self.on_insert: Callable[[str, Doc], None] | None = None

    def table(self, name: str) -> Table:
        if name not in self.tables:
            self.tables[name] = Table(name)
        return self.tables[name]


class MemoryStore:
    """One process's client. A dead process's client does nothing at all."""

    def __init__(self, server: MemoryServer, process: Process | None = None) -> None:
        self.server, self.process = server, process
        self._loop = get_running_loop()
        self._collections: dict[str, MemoryCollection] = {}

    def __getitem__(self, name: str) -> "MemoryCollection":
        if name not in self._collections:
            self._collections[name] = MemoryCollection(self, name)
        return self._collections[name]

    async def clock_skew(self) -> float:
        return await self.ask(lambda: 0.0)

    async def close(self) -> None:
        return None

    def ask(self, work: Callable[[], Any], write: bool = False, latest: float = GIVE_UP) -> "Future[Any]":
        """Have the server do it, now or later, once or never; the answer comes, or StoreAway does."""
        answer: Future[Any] = self._loop.create_future()
        if self.process is not None and self.process.dead:
            return answer
        fate = self.server.faults.store(write, latest)
        if fate.effect is None:
            self._later(fate.answer, _fail, answer)
        elif fate.answer <= fate.effect and not fate.away:
            self._later(fate.effect, _do_and_tell, work, answer)
        elif fate.away:
            self._later(fate.answer, _fail, answer)
            self._later(fate.effect, _do, work)
        else:
            self._later(fate.effect, _do_and_pass_on, work, answer, fate.answer - fate.effect)
        return answer

    def _later(self, delay: float, callback: Callable[..., None], *args: Any) -> None:
        self._loop.call_later(delay, callback, *args, context=OUTSIDE)


def _do(work: Callable[[], Any]) -> None:
    work()


def _fail(answer: "Future[Any]") -> None:
    if not answer.done():
        answer.set_exception(StoreAway("simulated"))


def _do_and_tell(work: Callable[[], Any], answer: "Future[Any]") -> None:
    try:
        result = work()
    except StreamLost as lost:
        if not answer.done():
            answer.set_exception(lost)
        return
    if not answer.done():
        answer.set_result(result)


def _do_and_pass_on(work: Callable[[], Any], answer: "Future[Any]", after: float) -> None:
    try:
        result = work()
    except StreamLost as lost:
        if not answer.done():
            answer.set_exception(lost)
        return
    answer.get_loop().call_later(after, _tell, answer, result, context=OUTSIDE)


def _tell(answer: "Future[Any]", result: Any) -> None:
    if not answer.done():
        answer.set_result(result)


class MemoryCollection:
    """See `shared.store.port.Collection`."""

    def __init__(self, store: MemoryStore, name: str) -> None:
        self.name = name
        self._store = store
        self._server = store.server
        self._table = store.server.table(name)

    async def insert(self, docs: Sequence[Doc]) -> list[bool]:
        packed = [marshal.dumps(doc, 2) for doc in docs]
        if len(docs) > 1 and (scatter := self._server.faults.scatter(len(docs))) is not None:
            return await self._scattered(self._land, packed, scatter)  # type: ignore[no-any-return]
        return await self._store.ask(lambda: self._land(packed), write=True)  # type: ignore[no-any-return]

    def _land(self, packed: Sequence[bytes]) -> list[bool]:
        stored = [self._table.insert(one) for one in packed]
        if self._server.on_insert is not None:
            for one, done in zip(packed, stored, strict=True):
                if done:
                    self._server.on_insert(self.name, marshal.loads(one))
        return stored

    async def _scattered(self, write: Callable[[list[Any]], Any], batch: Sequence[Any], fates: Sequence[Fate]) -> Any:
        """A batch of which any subset is written, each document at a time of its own, and nobody learns of it."""
        for one, fate in zip(batch, fates, strict=True):
            if fate.effect is not None:
                self._store._later(fate.effect, _do, lambda one=one: write([one]))
        answer: Future[Any] = get_running_loop().create_future()
        self._store._later(fates[0].answer, _fail, answer)
        return await answer

    async def get(self, ids: Sequence[str], fields: Sequence[str] = (), without: Sequence[str] = ()) -> dict[str, Doc]:
        if not ids:
            return {}
        table, wanted = self._table, list(ids)
        return await self._store.ask(  # type: ignore[no-any-return]
            lambda: {i: projected(table.copy(i), fields, without) for i in wanted if i in table.docs}
        )

    async def find(
        self, where: Doc, sort: Sequence[tuple[str, int]] = (), limit: int = 0, fields: Sequence[str] = ()
    ) -> list[Doc]:
        table = self._table

        def work() -> list[Doc]:
            found = [table.copy(doc_id) for doc_id in table.matching(where)]
            for key, direction in reversed(sort):
                found.sort(key=lambda doc: _ordered(value_at(doc, key)), reverse=direction < 0)
            return [projected(doc, fields, ()) for doc in (found[:limit] if limit else found)]

        return await self._store.ask(work)  # type: ignore[no-any-return]

    async def replace(self, writes: Sequence[tuple[Doc, Doc]]) -> int:
        if not writes:
            return 0
        packed = [(where, marshal.dumps(doc, 2)) for where, doc in writes]
        if len(writes) > 1 and (scatter := self._server.faults.scatter(len(writes))) is not None:
            return await self._scattered(self._replaced, packed, scatter)  # type: ignore[no-any-return]
        return await self._store.ask(  # type: ignore[no-any-return]
            lambda: self._replaced(packed), write=True, latest=VERY_LATE
        )

    def _replaced(self, packed: Sequence[tuple[Doc, bytes]]) -> int:
        matched = 0
        for where, doc in packed:
            if self._table.matching(where):
                self._table.put(marshal.loads(doc))
                matched += 1
        return matched

    async def update(self, where: Doc, changes: Doc, upsert: bool = False) -> int:
        table, changes = self._table, marshal.loads(marshal.dumps(changes, 2))

        def work() -> int:
            found = table.matching(where)
            for doc_id in found:
                table.put(changed(table.docs[doc_id], changes))
            if not found and upsert:
                self._land([marshal.dumps(changed({"_id": where["_id"]}, changes), 2)])
                return 1
            return len(found)

        return await self._store.ask(work, write=True, latest=VERY_LATE)  # type: ignore[no-any-return]

    async def aggregate(self, pipeline: Sequence[Doc]) -> list[Doc]:
        raise NotImplementedError("the simulation's store does not aggregate")

    async def watch(self, after: Token | None = None) -> "MemoryStream":
        def work() -> int:
            if after is None:
                return len(self._table.inserted)
            at = after.get("at") if isinstance(after, dict) else None
            if at is None or at < self._server.oldest or at > len(self._table.inserted):
                raise StreamLost("simulated")
            return int(at)

        return MemoryStream(self._store, self._table, await self._store.ask(work))

    async def scan(
        self, where: Doc | None = None, fields: Sequence[str] = (), without: Sequence[str] = ()
    ) -> AsyncIterator[list[Doc]]:
        """In any order, and no snapshot: what is inserted while it runs may be seen or not."""
        table, faults = self._table, self._server.faults
        left: list[str] = await self._store.ask(lambda: faults.scan_order(list(table.docs)))
        while left:
            some = left[: faults.scan_batch()]
            left = left[len(some) :]

            def work(some: Sequence[str] = some) -> list[Doc]:
                ids = [i for i in some if i in table.docs and (not where or matches(table.docs[i], where))]
                return [projected(table.copy(i), fields, without) for i in ids]

            if docs := await self._store.ask(work):
                yield docs

    async def index(self, *keys: str, unique: bool = False, partial: Doc | None = None) -> None:
        def work() -> None:
            names = tuple(key.removeprefix("-") for key in keys)
            if unique and (names, partial) not in self._table.unique:
                self._table.unique.append((names, partial))

        await self._store.ask(work)

    async def drop(self) -> None:
        def work() -> None:
            self._table.docs.clear()
            self._table.packed.clear()

        await self._store.ask(work, write=True)


class MemoryStream:
    """See `shared.store.port.ChangeStream`. The server's floor may rise above where it stands: StreamLost."""

    def __init__(self, store: MemoryStore, table: Table, at: int) -> None:
        self._store, self._table, self._at = store, table, at

    @property
    def token(self) -> Token:
        return {"at": self._at}

    async def batch(self, wait: float) -> list[Doc]:
        server, table, loop = self._store.server, self._table, self._store._loop
        process = self._store.process
        if process is not None and process.dead:
            await loop.create_future()
        if len(table.inserted) <= self._at and wait > 0:
            news: Future[None] = loop.create_future()
            table.waiting.append(news)
            timer = loop.call_later(wait, _wake, news, context=OUTSIDE)
            try:
                await news
            finally:
                timer.cancel()

        def work() -> list[bytes]:
            if self._at < server.oldest:
                raise StreamLost("simulated")
            return table.inserted[self._at : self._at + server.faults.stream_batch()]

        found = await self._store.ask(work)
        self._at += len(found)
        return [marshal.loads(one) for one in found]

    async def close(self) -> None:
        return None


def _wake(news: "Future[None]") -> None:
    if not news.done():
        news.set_result(None)


COMPARE: dict[str, Callable[[Any, Any], bool]] = {"$lt": operator.lt, "$gt": operator.gt}


def value_at(doc: Doc, path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    if "." not in path:
        return doc.get(path)
    value: Any = doc
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def matches(doc: Doc, where: Doc) -> bool:
    """Equality, $lt, $gt, $in: what the port offers."""
    for path, wanted in where.items():
        value = value_at(doc, path)
        if isinstance(wanted, dict) and wanted and all(key.startswith("$") for key in wanted):
            for how, operand in wanted.items():
                if how == "$in":
                    if value not in operand:
                        return False
                elif not _comparable(value, operand) or not COMPARE[how](value, operand):
                    return False
        elif value != wanted:
            return False
    return True


def _comparable(value: Any, operand: Any) -> bool:
    return type(value) is type(operand) or (isinstance(value, int | float) and isinstance(operand, int | float))


def _ordered(value: Any) -> tuple[bool, Any]:
    return value is not None, value


def projected(doc: Doc, fields: Sequence[str], without: Sequence[str]) -> Doc:
    """Only the named fields and `_id`, or all but those in `without`."""
    if fields:
        chosen: Doc = {"_id": doc["_id"]}
        for path in fields:
            *parents, last = path.split(".")
            source, target = doc, chosen
            for parent in parents:
                source = source.get(parent, {}) if isinstance(source, dict) else {}
                target = target.setdefault(parent, {})
            if isinstance(source, dict) and last in source:
                target[last] = source[last]
        return chosen
    for name in without:
        doc.pop(name, None)
    return doc


def changed(doc: Doc, changes: Doc) -> Doc:
    """The document after {"$set": …, "$unset": …} with dotted paths."""
    for path, value in changes.get("$set", {}).items():
        *parents, last = path.split(".")
        target = doc
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value
    for path in changes.get("$unset", {}):
        *parents, last = path.split(".")
        target = doc
        for parent in parents:
            target = target.get(parent, {})
        target.pop(last, None)
    return doc
