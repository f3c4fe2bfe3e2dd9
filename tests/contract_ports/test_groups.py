"""What a consumer group promises, by the embedded broker and by the one in memory: partitions are shared, a stale commit is refused."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError

from shared.broker.kafka import KafkaBroker
from shared.broker.port import Broker, Outgoing
from tests.simulation.broker import Cluster, Member, MemoryBroker
from tests.support.servers import EmbeddedBroker
from tests.support.topics import create_topic

COUNT = 60
Found = Counter[int]
"""How many records of each partition were read."""


class Reader(Protocol):
    async def read(self) -> Found: ...
    async def done(self) -> None: ...
    async def committed(self) -> int: ...
    async def leave(self) -> None: ...


class InMemory:
    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._member = Member(MemoryBroker(cluster), "group", [topic])

    async def read(self) -> Found:
        return Counter(record.partition for record in await self._member.next(0.1))

    async def done(self) -> None:
        await self._member.done()

    async def committed(self) -> int:
        return sum(self._member.group.committed.values())

    async def leave(self) -> None:
        self._member.leave()


class OverASocket:
    """Commits in the generation in which it read, as one does who has not heard of the rebalance yet."""

    def __init__(self, bootstrap: list[str], topic: str) -> None:
        self._topic, self._generation, self._at = topic, -1, dict[TopicPartition, int]()
        self._consumer = AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, group_id=f"group.{topic}", enable_auto_commit=False,
            auto_offset_reset="earliest", fetch_max_wait_ms=20, heartbeat_interval_ms=100, session_timeout_ms=6_000,
        )  # fmt: skip

    async def read(self) -> Found:
        if self._generation < 0:
            await self._consumer.start()
        found = await self._consumer.getmany(timeout_ms=100)
        if found or self._generation < 0:
            self._generation = self._consumer._coordinator.generation
        self._at |= {place: records[-1].offset + 1 for place, records in found.items()}
        return Counter(place.partition for place, records in found.items() for _ in records)

    async def done(self) -> None:
        self._consumer._coordinator.generation = self._generation
        with suppress(CommitFailedError):
            await self._consumer.commit(
                {place: self._at[place] for place in self._consumer.assignment() & set(self._at)}
            )

    async def committed(self) -> int:
        return sum([await self._consumer.committed(TopicPartition(self._topic, n)) or 0 for n in range(3)])

    async def leave(self) -> None:
        await self._consumer.stop()


@pytest.fixture(params=["memory", "embedded"])
async def join(request: pytest.FixtureRequest, fresh_name: str) -> Callable[[], Reader]:
    """Makes readers of one group of a topic that holds COUNT records in three partitions."""
    if request.param == "memory":
        cluster = Cluster()
        cluster.create(fresh_name)
        await filled(MemoryBroker(cluster), fresh_name)
        return lambda: InMemory(cluster, fresh_name)
    server: EmbeddedBroker = request.getfixturevalue("embedded_broker")
    await create_topic(server.bootstrap, fresh_name)
    await filled(KafkaBroker(server.bootstrap, idempotent=False), fresh_name)
    return lambda: OverASocket(server.bootstrap, fresh_name)


async def filled(broker: Broker, topic: str) -> None:
    sender = await broker.sender()
    await sender.send([Outgoing(topic, f"stream:{n}".encode(), b"x", []) for n in range(COUNT)])
    await sender.close()


async def some_of(reader: Reader, count: int) -> Found:
    """What it reads, until it is so many records."""
    found: Found = Counter()
    async with asyncio.timeout(60):
        while found.total() < count:
            found += await reader.read()
    return found


async def test_a_rebalance_shares_the_partitions_and_a_stale_commit_is_refused(join: Callable[[], Reader]) -> None:
    one, two = join(), join()
    assert len(await some_of(one, COUNT)) == 3
    shared = await some_of(two, 1)
    assert 0 < len(shared) < 3
    await two.done()
    assert await two.committed() == shared.total()
    await one.done()
    assert await two.committed() == shared.total()
    await two.leave()
    await one.leave()
