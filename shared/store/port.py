"""The store as the platform sees it. `mongo.py` speaks to MongoDB; the simulation has one in memory; both pass the same tests."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

Doc = dict[str, Any]
Token = Any  # a change stream's resume token: opaque, storable as a document field


class StoreAway(Exception):
    """The store did not answer in time. A write may or may not have happened: its outcome is unknown."""


class StreamLost(Exception):
    """The change stream cannot be resumed from this token: it is too old, or another store's. Scan the log."""


class ChangeStream(Protocol):
    """Documents as they are inserted, in the store's order."""

    @property
    def token(self) -> Token:
        """Resumes right behind the last document that `batch` returned (at first: where it was opened)."""

    async def batch(self, wait: float) -> list[Doc]:
        """The documents inserted since; empty after `wait` seconds without any. Raises StoreAway, StreamLost."""

    async def close(self) -> None: ...


class Collection(Protocol):
    """One collection. Every verb raises StoreAway. Filters are equality on fields, or {"$lt": v} / {"$gt": v} / {"$in": [...]}."""

    name: str

    async def insert(self, docs: Sequence[Doc]) -> list[bool]:
        """Insert unordered; True where stored, False where the `_id` (or a unique key) is taken. On StoreAway any subset may be stored."""

    async def get(self, ids: Sequence[str], fields: Sequence[str] = (), without: Sequence[str] = ()) -> dict[str, Doc]:
        """The documents with these ids, whole, or only the named fields, or all but those in `without`."""

    async def find(
        self, where: Doc, sort: Sequence[tuple[str, int]] = (), limit: int = 0, fields: Sequence[str] = ()
    ) -> list[Doc]:
        """Documents that match, in `sort` order; limit 0 is no limit."""

    async def replace(self, writes: Sequence[tuple[Doc, Doc]]) -> int:
        """Compare-and-set: for each (filter with `_id`, document) replace the one that matches. How many matched."""

    async def update(self, where: Doc, changes: Doc, upsert: bool = False) -> int:
        """Apply {"$set": …, "$unset": …} to every match; how many matched or were upserted (upsert: filter on `_id` only)."""

    async def aggregate(self, pipeline: Sequence[Doc]) -> list[Doc]:
        """MongoDB's aggregation. Not offered by the simulation's store."""

    async def watch(self, after: Token | None = None) -> ChangeStream:
        """A stream of inserted documents from after the token, or from now. Raises StreamLost."""

    def scan(
        self, where: Doc | None = None, fields: Sequence[str] = (), without: Sequence[str] = ()
    ) -> AsyncIterator[list[Doc]]:
        """The whole collection in batches, in the store's own order."""

    async def index(self, *keys: str, unique: bool = False, partial: Doc | None = None) -> None:
        """Make sure of an index; keys starting with "-" descend."""

    async def drop(self) -> None:
        """Drop the collection with all it holds."""


class Store(Protocol):
    """One service's own database."""

    def __getitem__(self, name: str) -> Collection: ...

    async def clock_skew(self) -> float:
        """Seconds this machine's clock is ahead of the store's. Raises StoreAway: also the readiness check."""

    async def close(self) -> None: ...
