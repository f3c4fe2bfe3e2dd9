"""A main view made anew from the log beside the live one, compared with it, and the live one put right where they differ.

Not blue/green: every process reads the main view under its one name, as the snapshots of its commands. So rows are repaired
in place, by compare-and-set on their version: whoever is ahead of us (the follower) stays ahead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from shared.consumption.rebuild import sorted_document
from shared.eventlog.aggregate import Aggregate
from shared.follower.source import scan
from shared.follower.views import MainViews
from shared.store.port import Doc, Store

BESIDE = ".rebuild"


@dataclass(frozen=True)
class Refolded:
    """How many documents the log gives, their canonical hash, how many live rows were put right, and which have no log."""

    documents: int
    digest: str
    repaired: int
    strangers: tuple[str, ...]


class Refold:
    """One main view's rebuild. `progress(commits)` is told how many commits were read since the last call."""

    def __init__(
        self, store: Store, aggregate: Aggregate[Any], progress: Callable[[int], None] = lambda commits: None
    ) -> None:
        self._store, self._aggregate, self._progress = store, aggregate, progress
        self._commits, self._live, self._beside = (
            store["commits"],
            store[aggregate.view],
            store[aggregate.view + BESIDE],
        )

    async def run(self) -> Refolded:
        """Fold, compare, repair. Twice is once. Raises StoreAway, LogBroken."""
        await self._beside.drop()
        try:
            return await self._run()
        finally:
            await self._beside.drop()  # it holds private parts: it must not outlive a rebuild that was broken off

    async def _run(self) -> Refolded:
        views = MainViews(self._store, {self._aggregate.kind.name: self._aggregate}, BESIDE)
        async for commits in scan(self._commits):
            await views.take(commits)
            self._progress(len(commits))
        digests: list[tuple[str, bytes]] = []
        repaired = 0
        async for rows in self._beside.scan():
            digests += [(row["_id"], sha256(repr(sorted_document(row)).encode()).digest()) for row in rows]
            repaired += await self._repair(rows)
        strangers = await self._strangers()
        whole = sha256(b"".join(digest for _, digest in sorted(digests))).hexdigest()
        return Refolded(len(digests), whole, repaired, strangers)

    async def _repair(self, rows: Sequence[Doc]) -> int:
        """Put right the rows that are missing, behind or different; a row ahead of ours is right if the log has more by now."""
        live = await self._live.get([row["_id"] for row in rows])
        missing = [row for row in rows if row["_id"] not in live]
        repaired = sum(await self._live.insert(missing)) if missing else 0
        ahead = [row for row in rows if row["_id"] in live and live[row["_id"]]["version"] > row["version"]]
        more = await self._commits.get([_next(row) for row in ahead], fields=("_id",)) if ahead else {}
        writes = [
            ({"_id": row["_id"], "version": found["version"]}, row)
            for row in rows
            if (found := live.get(row["_id"])) is not None and found != row and _next(row) not in more
        ]
        return repaired + (await self._live.replace(writes) if writes else 0)

    async def _strangers(self) -> tuple[str, ...]:
        """Live rows of streams that the log does not have. Nothing here can say what is right about them."""
        found: list[str] = []
        async for rows in self._live.scan(fields=("_id",)):
            names = [row["_id"] for row in rows]
            known = await self._beside.get(names, fields=("_id",))
            unknown = [name for name in names if name not in known]
            begun = await self._commits.get([f"{name}@1" for name in unknown], fields=("_id",)) if unknown else {}
            found += [name for name in unknown if f"{name}@1" not in begun]
        return tuple(sorted(found))


def _next(row: Doc) -> str:
    """The id of the commit behind a row, if there is one."""
    return f"{row['_id']}@{row['version'] + 1}"
