"""Streams as this process knows them, and how it learns what is new: the snapshot, then the tail by `_id`."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

from shared.contracts.base import kind_of
from shared.eventlog.aggregate import Aggregate
from shared.eventlog.batch import Reads
from shared.eventlog.folded import Folded
from shared.refusals import NotThere
from shared.store.port import Doc, Store

REMEMBERED = 5_000  # streams
WINDOW = (1, 8, 64, 256)  # how many versions ahead a tail read looks, step by step


class Streams:
    """The warm streams of one process. What stands here was stored; whether more has been since, only a read tells."""

    def __init__(self, store: Store, aggregates: Mapping[str, Aggregate[Any]], remembered: int = REMEMBERED) -> None:
        self._aggregates, self._remembered = aggregates, remembered
        self._warm: OrderedDict[str, Folded[Any]] = OrderedDict()
        self._tails = Reads(store["commits"])
        self._snapshots = {kind: Reads(store[aggregate.view]) for kind, aggregate in aggregates.items()}

    def aggregate(self, stream: str) -> Aggregate[Any]:
        """Raises NotThere for a stream of no kind that is kept here."""
        try:
            return self._aggregates[kind_of(stream)]
        except KeyError:
            raise NotThere() from None

    def known(self, stream: str) -> Folded[Any]:
        """The stream as known here; at version 0 when nothing is."""
        if folded := self._warm.get(stream):
            self._warm.move_to_end(stream)
            return folded
        return Folded(self.aggregate(stream), stream)

    def keep(self, folded: Folded[Any]) -> None:
        self._warm[folded.stream] = folded
        self._warm.move_to_end(folded.stream)
        while len(self._warm) > self._remembered:
            self._warm.popitem(last=False)

    def take(self, commit: Doc) -> None:
        """Take in a commit that is surely stored."""
        folded = self.known(commit["stream"])
        if folded.advance(commit):
            self.keep(folded)

    async def meet(self, streams: Sequence[str]) -> None:
        """Load those that are cold from their snapshots: as fresh as those are, and no fresher. Raises StoreAway."""
        if cold := [stream for stream in streams if stream not in self._warm]:
            await self._load(cold)

    async def catch_up(self, streams: Sequence[str]) -> bool:
        """Learn what is new; False when there was nothing, and then what is known here is fresh.

        A stream met cold is loaded from its snapshot: that alone is news. Raises StoreAway.
        """
        news = False
        if cold := [stream for stream in streams if stream not in self._warm]:
            news = await self._load(cold)
        warm = [stream for stream in streams if stream not in cold or stream not in self._warm]
        return await self._read_tails(warm) or news

    async def current(self, stream: str) -> Folded[Any]:
        """The stream with all that is stored. Raises StoreAway."""
        if stream not in self._warm:
            await self._load([stream])
        await self._read_tails([stream])
        return self.known(stream)

    async def _load(self, streams: Sequence[str]) -> bool:
        news = False
        for kind in {kind_of(stream) for stream in streams}:
            aggregate = self.aggregate(kind)
            found = await self._snapshots[kind].get([stream for stream in streams if kind_of(stream) == kind])
            for stream, document in found.items():
                folded = Folded.of_snapshot(aggregate, document)
                if folded is not None and folded.version > self.known(stream).version:
                    self.keep(folded)
                    news = True
        return news

    async def _read_tails(self, streams: Sequence[str]) -> bool:
        """Read behind the known version of each until nothing follows."""
        news, behind = False, {stream: 0 for stream in streams}
        while behind:
            wanted = {
                stream: [f"{stream}@{self.known(stream).version + n}" for n in range(1, WINDOW[step] + 1)]
                for stream, step in behind.items()
            }
            found = await self._tails.get([name for names in wanted.values() for name in names])
            for stream, names in wanted.items():
                commits = [found[name] for name in names if name in found]
                for commit in commits:
                    self.take(commit)
                if commits:
                    news, behind[stream] = True, min(behind[stream] + 1, len(WINDOW) - 1)
                else:
                    del behind[stream]
        return news
