"""The relay: the relayed streams' commits to Kafka, in log order, at least once (protocol.md F1-F4).

"Unknown" counts as "not published": on any failure the producer is thrown away and the relay resumes from its
checkpoint. While it is behind it reads with a cursor of its own; at an equal position it joins the views' one.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from shared.broker.port import Broker, BrokerAway, Outgoing, Sender
from shared.contracts.base import kind_of
from shared.contracts.cloudevents import records_of
from shared.eventlog.aggregate import Aggregate
from shared.follower.checkpoint import Checkpoint
from shared.follower.source import Batch, ahead, follow
from shared.store.port import Collection, Doc, Token

RECENT = 4_000  # commits of the shared cursor that are kept for joining, or wait for the relay
AT_ONCE = 1_000  # commits a send
IDLE_CHECK = 2.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0


class BrokerEmptied(Exception):
    """Another cluster, or an offset that is not above the last: everything must be published again."""


class Relay:
    """One run of the relay under one epoch. `offer` never waits."""

    def __init__(
        self,
        commits: Collection,
        broker: Broker,
        checkpoint: Checkpoint,
        aggregates: Mapping[str, Aggregate[Any]],
        owned: Callable[[], None],
        audit: Callable[[], Awaitable[object]],
        newest: str | None = None,
    ) -> None:
        """`newest`: the writer's time of the newest commit known of, as the views' checkpoint has it."""
        self._commits, self._broker, self._checkpoint = commits, broker, checkpoint
        self._kinds = {name: aggregate.kind for name, aggregate in aggregates.items() if aggregate.kind.relayed}
        self._owned, self._audit = owned, audit
        self._recent: deque[Batch] = deque()
        self._queue: deque[Batch] = deque()
        self._held = 0
        self._joined = False
        self._news = asyncio.Event()
        self._idle_token: Token | None = None
        self._emptied = False
        self._cluster = ""
        self._offsets: dict[tuple[str, int], int] = {}
        self.published = 0
        self._first = newest  # what waits since, where nothing was ever acknowledged
        self._newest = newest or ""
        self._sent = self.at = checkpoint.document.get("at") or ""  # the writer's time of the last commit acknowledged
        self.trouble: str | None = "not connected yet"

    @property
    def behind(self) -> str | None:
        """While commits wait: the writer's time of the last one that was acknowledged, or of the first one that waits."""
        return (self.at or self._first) if self.at < self._newest else None

    def offer(self, commits: list[Doc], token: Token | None) -> None:
        """What the shared cursor has just read."""
        self._idle_token = None if commits else token
        if not commits:
            return
        self._first = self._first or commits[0]["at"]
        self._newest = max(self._newest, *(commit["at"] for commit in commits))
        if token is None:  # a scan is in no order that one could join in the middle of: what is missing may lie before
            self._recent.clear()
            self._held = 0
        else:
            self._recent.append((commits, token))
            self._held += len(commits)
        while self._held > RECENT and len(self._recent) > 1:
            self._held -= len(self._recent.popleft()[0])
        if self._joined:
            self._queue.append((commits, token))
            if sum(len(waiting) for waiting, _ in self._queue) > RECENT:
                self._leave()
            self._news.set()

    async def run(self) -> None:
        """Publish for ever; ends only by raising LeaseLost or StoreAway."""
        pause = FIRST_PAUSE
        while True:
            sender: Sender | None = None
            try:
                sender = await self._broker.sender()
                await self._begin(sender)
                pause, self.trouble = FIRST_PAUSE, None
                await self._publish_all(sender)
            except BrokerAway as away:
                self.trouble = f"the broker is away: {away}"
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except BrokerEmptied:
                self.trouble = "the broker was emptied: publishing everything again"
                self._emptied = True
            finally:
                self._leave()
                if sender is not None:
                    await sender.close()

    async def _begin(self, sender: Sender) -> None:
        """Find the position: where the checkpoint is, or the log's start when this is another cluster (F3)."""
        self._cluster = await sender.cluster_id()
        known = self._checkpoint.document
        if self._emptied or known.get("cluster") != self._cluster:
            self._checkpoint.move(token=None, at=None, cluster=self._cluster, offsets=[])
            await self._checkpoint.write()
            self._emptied = False
            self._sent = self.at = ""
        self._offsets = {(topic, partition): last for topic, partition, last in self._checkpoint.document["offsets"]}

    async def _publish_all(self, sender: Sender) -> None:
        position = self._checkpoint.document
        source = ahead(follow(self._commits, position["token"], position["at"]))
        scanning = False
        try:
            async for commits, token in source:
                if scanning and token is not None and position["at"] is not None:
                    await self._audit()  # a scan that did not begin at the start: is anything missing before it?
                await self._publish(sender, commits, token)
                scanning = token is None
                if commits and token is not None and self._join(commits[-1]["_id"]):
                    break
        finally:
            await source.aclose()
        while self._joined:
            await self._publish(sender, *self._gathered())
            if not self._queue:
                await self._idle(sender)
        raise BrokerAway("the relay fell behind; it goes on with a cursor of its own")

    async def _publish(self, sender: Sender, commits: Sequence[Doc], token: Token | None) -> None:
        for start in range(0, len(commits), AT_ONCE):
            part = commits[start : start + AT_ONCE]
            self._owned()
            if records := self._records(part):
                self._acknowledged(await sender.send(records))
            self.published += len(records)
            self._sent = max(self._sent, *(commit["at"] for commit in part))
        if token is not None:
            self.at = self._sent  # a scan is in no order of time: until its end anything may be missing
            at = commits[-1]["at"] if commits else self._checkpoint.document["at"]
            offsets = [[topic, partition, last] for (topic, partition), last in self._offsets.items()]
            if commits or self._checkpoint.old or self._checkpoint.document["token"] is None:
                self._checkpoint.move(token=token, at=at, cluster=self._cluster, offsets=offsets)
        if self._checkpoint.due or not commits:
            await self._confirm(sender)

    async def _confirm(self, sender: Sender) -> None:
        """The same cluster as before those sends? Then the position holds."""
        if await sender.cluster_id() != self._cluster:
            raise BrokerEmptied
        await self._checkpoint.write()

    async def _idle(self, sender: Sender) -> None:
        self._news.clear()
        try:
            async with asyncio.timeout(IDLE_CHECK):
                await self._news.wait()
        except TimeoutError:
            if self._idle_token is not None and self._checkpoint.old:
                self._checkpoint.move(token=self._idle_token)
            await self._confirm(sender)

    def _records(self, commits: Sequence[Doc]) -> list[Outgoing]:
        records: list[Outgoing] = []
        for commit in commits:
            if kind := self._kinds.get(kind_of(commit["stream"])):
                records += records_of(kind, commit)
        return records

    def _acknowledged(self, offsets: Mapping[tuple[str, int], tuple[int, int]]) -> None:
        for place, (first, last) in offsets.items():
            if first <= self._offsets.get(place, -1):
                raise BrokerEmptied
            self._offsets[place] = last

    def _join(self, last: str) -> bool:
        """Join the shared cursor when it has read what we just published: take over what it read since."""
        for number, (commits, token) in enumerate(self._recent):
            for place, commit in enumerate(commits):
                if commit["_id"] == last:
                    rest = [(commits[place + 1 :], token)] if place + 1 < len(commits) else []
                    self._queue = deque([*rest, *list(self._recent)[number + 1 :]])
                    self._joined = True
                    return True
        return False

    def _leave(self) -> None:
        self._joined = False
        self._queue.clear()
        self._news.set()

    def _gathered(self) -> Batch:
        commits: list[Doc] = []
        token: Token | None = None
        while self._queue and len(commits) < AT_ONCE:
            more, token = self._queue.popleft()
            commits += more
        return commits, token
