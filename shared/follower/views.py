"""The main views: each aggregate's newest state, kept from the log; they double as snapshots.

A write carries its version in the filter, so a repeat, a replay or a stale owner can never take a view back (F6).
"""

from collections import OrderedDict, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from shared.contracts.base import Erased, kind_of
from shared.eventlog.aggregate import Aggregate
from shared.eventlog.erasing import sweep
from shared.eventlog.folded import Folded
from shared.eventlog.tail import WINDOW
from shared.store.port import Collection, Doc, Store

REMEMBERED = 5_000  # streams


class MainViews:
    """The views of one service's aggregates. After a failed `take`, `forget` first: memory is ahead of the store."""

    def __init__(self, store: Store, aggregates: Mapping[str, Aggregate[Any]], suffix: str = "") -> None:
        self._store, self._aggregates, self._suffix = store, aggregates, suffix
        self._commits = store["commits"]
        self._warm: OrderedDict[str, Folded[Any]] = OrderedDict()

    def collection(self, kind: str) -> Collection:
        return self._store[self._aggregates[kind].view + self._suffix]

    def forget(self) -> None:
        self._warm.clear()

    async def take(self, commits: Sequence[Doc]) -> None:
        """Fold the commits into the views, one write a stream; those seen before change nothing. Raises StoreAway."""
        by_stream: defaultdict[str, list[Doc]] = defaultdict(list)
        for commit in commits:
            if kind_of(commit["stream"]) in self._aggregates:
                by_stream[commit["stream"]].append(commit)
        await self._load([stream for stream, found in by_stream.items() if found[0]["first"] > 1])
        before: dict[str, int] = {}
        for stream, found in by_stream.items():
            folded = self._warm.get(stream) or Folded(self._aggregates[kind_of(stream)], stream)
            before[stream] = folded.version
            for commit in found:
                if commit["first"] > folded.version + 1:
                    await self._fill(folded, commit["first"])
                folded.advance(commit)
            self._keep(folded)
        await self._write(before)
        await self._finish_erasing(by_stream)

    async def _load(self, streams: Sequence[str]) -> None:
        cold: defaultdict[str, list[str]] = defaultdict(list)
        for stream in streams:
            if stream not in self._warm:
                cold[kind_of(stream)].append(stream)
        for kind, names in cold.items():
            for document in (await self.collection(kind).get(names)).values():
                folded = Folded.of_snapshot(self._aggregates[kind], document)
                if folded is not None:
                    self._warm[folded.stream] = folded

    async def _fill(self, folded: Folded[Any], until: int) -> None:
        """Read what lies between the view and a commit: a scan need not begin at a stream's first."""
        while folded.version + 1 < until:
            start = folded.version + 1
            ids = [f"{folded.stream}@{version}" for version in range(start, min(until, start + WINDOW[-1]))]
            found = await self._commits.get(ids)
            for name in ids:
                if name in found:
                    folded.advance(found[name])
            if folded.version < start:
                raise LogBroken(f"{folded.stream}@{start} is not in the log")

    async def _write(self, before: Mapping[str, int]) -> None:
        new: defaultdict[str, list[Doc]] = defaultdict(list)
        old: defaultdict[str, list[tuple[Doc, Doc]]] = defaultdict(list)
        for stream, version in before.items():
            folded = self._warm[stream]
            if folded.version == version and version:
                continue
            document, kind = folded.snapshot(), kind_of(stream)
            if version:
                old[kind].append(_if_older(document))
            else:
                new[kind].append(document)
        for kind, documents in new.items():
            stored = await self.collection(kind).insert(documents)
            old[kind] += [_if_older(document) for document, done in zip(documents, stored, strict=True) if not done]
        for kind, writes in old.items():
            if writes:
                await self.collection(kind).replace(writes)
        while len(self._warm) > REMEMBERED:
            self._warm.popitem(last=False)

    async def _finish_erasing(self, by_stream: Mapping[str, Sequence[Doc]]) -> None:
        for stream, commits in by_stream.items():
            kind = self._aggregates[kind_of(stream)].kind
            if any(issubclass(kind.types.get(e["type"], object), Erased) for c in commits for e in c["events"]):
                await sweep(self._store, {stream: self._warm[stream].version})

    def _keep(self, folded: Folded[Any]) -> None:
        self._warm[folded.stream] = folded
        self._warm.move_to_end(folded.stream)


class LogBroken(Exception):
    """The log has a hole: a commit is missing before one that is there. `hamkke events verify` shows where."""


def _if_older(document: Doc) -> tuple[Doc, Doc]:
    """Replace the view when it is older, or when another state_version made it."""
    return {"_id": document["_id"], "version": {"$lt": document["version"]}}, document
