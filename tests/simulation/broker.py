"""A Kafka cluster in memory, behind the same port as the real one, with its consumer groups and its ways to fail."""

from asyncio import Future, get_running_loop
from collections.abc import AsyncIterator, Callable, Sequence
from random import Random
from typing import Any

from shared.broker.murmur import partition_of
from shared.broker.port import BrokerAway, Incoming, Outgoing
from tests.simulation.faults import GIVE_UP, Faults
from tests.simulation.loop import Process
from tests.simulation.store import OUTSIDE

Place = tuple[str, int]


class Cluster:
    """The broker's side of the wire, shared by all processes."""

    def __init__(self, faults: Faults | None = None) -> None:
        self.faults = faults or Faults.none(Random(0))
        self.id = "cluster-1"
        self.partitions: dict[str, int] = {}
        self.logs: dict[Place, list[Incoming]] = {}
        self.groups: dict[str, Group] = {}
        self.emptied = 0
        self._waiting: list[Future[None]] = []

    def create(self, topic: str, partitions: int = 3) -> None:
        self.partitions[topic] = partitions
        for partition in range(partitions):
            self.logs[topic, partition] = []

    def empty(self, new_id: bool) -> None:
        """Everything is gone but the topics, which are made again at once. Groups are forgotten too."""
        self.emptied += 1
        if new_id:
            self.id = f"cluster-{self.emptied + 1}"
        for log in self.logs.values():
            log.clear()
        for group in self.groups.values():
            group.committed.clear()
            group.rebalance()

    def append(
        self, place: Place, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
    ) -> Incoming:
        """Put a record, whatever its bytes, at the end of a partition."""
        log = self.logs[place]
        record = Incoming(place[0], place[1], len(log), key, value, list(headers))
        log.append(record)
        if self._waiting:
            for future in self._waiting:
                if not future.done():
                    future.set_result(None)
            self._waiting = []
        return record

    def everything(self, topic: str) -> list[Incoming]:
        return [record for partition in range(self.partitions[topic]) for record in self.logs[topic, partition]]

    def group(self, name: str) -> "Group":
        if name not in self.groups:
            self.groups[name] = Group(self)
        return self.groups[name]

    def news(self) -> "Future[None]":
        """Done with the next record, wherever it lands."""
        future: Future[None] = get_running_loop().create_future()
        self._waiting.append(future)
        return future


class MemoryBroker:
    """One process's client of the cluster."""

    def __init__(self, cluster: Cluster, process: Process | None = None) -> None:
        self.cluster, self.process = cluster, process
        self._loop = get_running_loop()

    async def sender(self) -> "MemorySender":
        await self.ask(lambda: None)
        return MemorySender(self)

    async def cluster_id(self) -> str:
        return await self.ask(lambda: self.cluster.id)  # type: ignore[no-any-return]

    async def read(self, topic: str) -> AsyncIterator[list[Incoming]]:
        cluster = self.cluster
        if topic not in cluster.partitions:
            raise BrokerAway("no such topic")
        life = cluster.emptied
        ends = {p: len(cluster.logs[topic, p]) for p in range(cluster.partitions[topic])}
        for partition, end in ends.items():
            at = 0
            while at < end:
                size = cluster.faults.scan_batch()
                found = await self.ask(lambda p=partition, at=at, size=size: cluster.logs[topic, p][at : at + size])
                if cluster.emptied != life or not found:
                    raise BrokerAway("emptied while it was read")
                kept = found[: end - at]
                at += len(kept)
                yield kept

    async def close(self) -> None:
        return None

    def ask(self, work: Callable[[], Any]) -> "Future[Any]":
        """Ask the cluster something that changes nothing."""
        answer: Future[Any] = self._loop.create_future()
        if self.process is not None and self.process.dead:
            return answer
        faults = self.cluster.faults
        if not faults.calm and (faults.broker_away or faults.rng.random() < faults.lost):
            self.later(faults.delay(), _fail, answer)
        else:
            self.later(faults.delay(), _do_and_tell, work, answer)
        return answer

    def later(self, delay: float, callback: Callable[..., None], *args: Any) -> None:
        self._loop.call_later(delay, callback, *args, context=OUTSIDE)


class MemorySender:
    """See `shared.broker.port.Sender`. What it sent may still land after it was closed."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker, self._cluster = broker, broker.cluster
        self._in_doubt = self._closed = False

    async def cluster_id(self) -> str:
        return await self._broker.cluster_id()

    async def close(self) -> None:
        self._closed = True

    async def send(self, records: Sequence[Outgoing]) -> dict[Place, tuple[int, int]]:
        if self._in_doubt or self._closed:
            raise AssertionError("a producer in doubt was used again")
        cluster, faults, broker = self._cluster, self._cluster.faults, self._broker
        packed: dict[Place, list[Outgoing]] = {}
        for record in records:
            if record.topic not in cluster.partitions:
                self._in_doubt = True
                raise BrokerAway("no such topic")
            place = record.topic, partition_of(record.key, cluster.partitions[record.topic])
            packed.setdefault(place, []).append(record)
        answer: Future[Any] = broker._loop.create_future()
        if broker.process is not None and broker.process.dead:
            return await answer  # type: ignore[no-any-return]
        if not faults.calm and not faults.broker_away and faults.rng.random() < faults.scattered:
            self._scatter(packed, answer)
        else:
            fate = faults.broker()
            if fate.away:
                broker.later(fate.answer, _fail, answer)
            if fate.effect is not None:
                if not faults.calm and faults.rng.random() < faults.twice:
                    broker.later(fate.effect, self._land, packed, None)  # its acknowledgement got lost: sent again
                    fate = fate._replace(effect=fate.effect + faults.delay())
                broker.later(fate.effect or 0.0, self._land, packed, None if fate.away else answer)
        try:
            return await answer  # type: ignore[no-any-return]
        except BrokerAway:
            self._in_doubt = True
            raise

    def _land(self, packed: dict[Place, list[Outgoing]], answer: "Future[Any] | None") -> None:
        acknowledged = {}
        for place, records in packed.items():
            first = len(self._cluster.logs[place])
            for record in records:
                self._cluster.append(place, record.key, record.value, record.headers)
            acknowledged[place] = first, first + len(records) - 1
        if answer is not None and not answer.done():
            answer.set_result(acknowledged)

    def _scatter(self, packed: dict[Place, list[Outgoing]], answer: "Future[Any]") -> None:
        """Of each partition the first few land, each partition at a time of its own; nobody learns of it."""
        rng = self._cluster.faults.rng
        gives_up = self._cluster.faults.delay()
        for place, records in packed.items():
            some = records[: rng.randint(0, len(records))]
            when = rng.random() * (gives_up if rng.random() < 0.6 else GIVE_UP)
            if some:
                self._broker.later(when, self._land, {place: some}, None)
        self._broker.later(gives_up, _fail, answer)


class Group:
    """A consumer group: who reads which partition, and how far it was committed."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.generation = 0
        self.members: list[Member] = []
        self.committed: dict[Place, int] = {}

    def rebalance(self) -> None:
        """Deal the partitions anew. A member notices when it comes back from what it is doing."""
        self.generation += 1
        self.members.sort(key=lambda member: self._cluster.faults.rng.random())

    def share(self, member: "Member", topics: Sequence[str]) -> list[Place]:
        places = [(t, p) for t in topics for p in range(self._cluster.partitions[t])]
        if member not in self.members:
            return []
        return places[self.members.index(member) :: len(self.members)]


class Member:
    """One process's place in a group. `next` gives raw batches; `done` commits the last one, if it still may."""

    def __init__(self, broker: MemoryBroker, group: str, topics: Sequence[str]) -> None:
        self._broker, self._topics = broker, topics
        self.group = broker.cluster.group(group)
        self._generation = -1
        self._at: dict[Place, int] = {}
        self._from: dict[Place, int] = {}

    def join(self) -> None:
        if self not in self.group.members:
            self.group.members.append(self)
            self.group.rebalance()

    def leave(self) -> None:
        if self in self.group.members:
            self.group.members.remove(self)
            self.group.rebalance()

    @property
    def process(self) -> Process | None:
        return self._broker.process

    async def next(self, wait: float = 1.0) -> list[Incoming]:
        """Some records; empty after a while without any, or when a rebalance was noticed."""
        cluster, loop = self._broker.cluster, self._broker._loop
        self.join()
        if self._generation != self.group.generation:
            self._generation = self.group.generation
            self._at = {p: self.group.committed.get(p, 0) for p in self.group.share(self, self._topics)}
            self._from = dict(self._at)
        until = loop.time() + wait
        while all(at >= len(cluster.logs[place]) for place, at in self._at.items()):
            news = cluster.news()
            timer = loop.call_at(until, _wake, news, context=OUTSIDE)
            await news
            timer.cancel()
            if self._generation != self.group.generation or loop.time() >= until:
                return []
        await self._broker.ask(lambda: None)
        if self._generation != self.group.generation:
            return []
        found: list[Incoming] = []
        self._from = dict(self._at)
        for place, at in self._at.items():
            part = cluster.logs[place][at : at + cluster.faults.stream_batch()]
            if part:
                found += part
                self._at[place] = at + len(part)
        return found

    async def done(self) -> None:
        """Commit what `next` gave last; refused without a word when the partitions are somebody else's by now."""
        at, generation = dict(self._at), self._generation

        def commit() -> None:
            if generation == self.group.generation:
                self.group.committed.update(at)

        await self._broker.ask(commit)

    def again(self) -> None:
        """Read the last batch again."""
        self._at = dict(self._from)


def _fail(answer: "Future[Any]") -> None:
    if not answer.done():
        answer.set_exception(BrokerAway("simulated"))


def _do_and_tell(work: Callable[[], Any], answer: "Future[Any]") -> None:
    result = work()
    if not answer.done():
        answer.set_result(result)


def _wake(news: "Future[None]") -> None:
    if not news.done():
        news.set_result(None)
