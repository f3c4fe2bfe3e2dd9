"""The broker over Kafka's protocol: aiokafka, a deadline around every wait, producers thrown away once in doubt.

Records are packed into one batch per partition here: half the CPU of a `send` each. An idempotent producer never times
out by itself and its `stop` can hang while the broker is away, so nothing here waits without a deadline.
"""

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiokafka.client
import aiokafka.consumer.fetcher
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

from shared.broker.murmur import partition_of
from shared.broker.port import BrokerAway, Incoming, Outgoing
from shared.broker.records import Records

Acknowledged = dict[tuple[str, int], tuple[int, int]]
DEADLINE = 5.0
"""Seconds until an unanswered request counts as "the broker is away"."""
BATCH_BYTES = 512 * 1024
"""Half of what a topic takes by default in one batch; a single record may be larger."""
IN_FLIGHT = 4 * 1024 * 1024
"""Bytes handed to the producer before their acknowledgements are awaited."""

# aiokafka lets brokers create the topics it asks about, and the embedded one does, with a partition count of its own:
# an emptied broker would come back with wrong topics. Topics are made by `hamkke topics apply` only; this holds for
# every client of this process, FastStream's consumers included.
aiokafka.client.MetadataRequest = functools.partial(MetadataRequest, allow_auto_topic_creation=False)
aiokafka.consumer.fetcher.MemoryRecords = Records


@asynccontextmanager
async def _deadline(seconds: float = DEADLINE) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except (KafkaError, TimeoutError, OSError) as error:
        raise BrokerAway(f"{type(error).__name__}: {error}") from error


async def _cluster_id(client: AIOKafkaClient) -> str:
    node = client.get_random_node()
    if node is None:
        raise BrokerAway("no broker is known")
    answer = await client.send(node, MetadataRequest([]))  # [] asks for no topics
    return str(answer.cluster_id)


class ConnectionLost(KafkaError):  # type: ignore[misc]
    """The connection that this sender spoke on is gone. Not retriable."""


def _never_reconnects(client: AIOKafkaClient) -> None:
    """Let the client send to a node on one connection only: behind the next one an emptied broker may answer.

    aiokafka would reconnect in silence, and what it still holds would be the first on the new topics, out of order.
    """
    send, met = client.send, dict[Any, Any]()

    async def once(node: Any, request: Any, *, group: Any = ConnectionGroup.DEFAULT) -> Any:
        place = node, group
        if place not in met and await client.ready(node, group=group):
            met[place] = client._conns[place]
        if place in met and (client._conns.get(place) is not met[place] or not met[place].connected()):
            raise ConnectionLost
        return await send(node, request, group=group)

    client.send = once


class KafkaSender:
    """A started producer. After BrokerAway it must be closed: what it still holds is then dropped, not sent late.

    It ends with its connection, so the cluster that `cluster_id` names is the one that it sends to.
    """

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._in_doubt = False

    async def cluster_id(self) -> str:
        async with _deadline():
            return await _cluster_id(self._producer.client)

    async def send(self, records: Sequence[Outgoing]) -> Acknowledged:
        try:
            async with _deadline():
                return await self._send(records)
        except BaseException:
            self._in_doubt = True
            raise

    async def close(self) -> None:
        if not self._in_doubt:
            try:
                async with asyncio.timeout(DEADLINE):
                    await self._producer.stop()
                return
            except (TimeoutError, KafkaError, OSError):
                self._in_doubt = True
        await _abandon(self._producer)

    async def _send(self, records: Sequence[Outgoing]) -> Acknowledged:
        acknowledged: Acknowledged = {}
        size, start = 0, 0
        for end, record in enumerate(records, 1):
            size += len(record.value) + 512
            if size >= IN_FLIGHT or end == len(records):
                await self._send_some(records[start:end], acknowledged)
                size, start = 0, end
        return acknowledged

    async def _send_some(self, records: Sequence[Outgoing], acknowledged: Acknowledged) -> None:
        producer, now = self._producer, int(time.time() * 1000)
        partitions: dict[str, int] = {}
        batches: dict[tuple[str, int], list[Any]] = {}
        for topic, key, value, headers in records:
            if topic not in partitions:
                partitions[topic] = len(await producer.partitions_for(topic))
            target = topic, partition_of(key, partitions[topic])
            packed = batches.setdefault(target, [])
            if not packed or packed[-1].append(timestamp=now, key=key, value=value, headers=headers) is None:
                packed.append(producer.create_batch())
                packed[-1].append(timestamp=now, key=key, value=value, headers=headers)
        for target, (first, last) in zip(
            batches, await asyncio.gather(*map(self._deliver, batches, batches.values())), strict=True
        ):
            acknowledged[target] = acknowledged.get(target, (first, last))[0], last

    async def _deliver(self, target: tuple[str, int], packed: list[Any]) -> tuple[int, int]:
        """One partition's batches, one after the other; the first and the last offset."""
        topic, partition = target
        first = last = -1
        for batch in packed:
            batch.close()
            at = await (await self._producer.send_batch(batch, topic, partition=partition))
            if at is None or at.offset < 0:
                raise BrokerAway("acknowledged without an offset")
            first = at.offset if first < 0 else first
            last = at.offset + batch.record_count() - 1
        return first, last


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close without flushing. aiokafka offers only `stop`, which flushes and may wait for ever."""
    producer._closed = True
    task = producer._sender.sender_task
    if task is not None:
        task.cancel()
    await producer.client.close()
    if task is not None:
        await asyncio.wait([task], timeout=1)


class KafkaBroker:
    """A Kafka cluster. `idempotent` where it knows that: not on the embedded broker.

    `fetch_wait`: seconds a fetch may wait for records.
    """

    def __init__(self, bootstrap: Sequence[str], idempotent: bool, fetch_wait: float = 0.1) -> None:
        self._where: dict[str, Any] = {
            "bootstrap_servers": list(bootstrap),
            "request_timeout_ms": int(DEADLINE * 1000),
        }
        self._idempotent = idempotent
        self._fetch_wait = int(fetch_wait * 1000)
        self._client: AIOKafkaClient | None = None
        self._asking = asyncio.Lock()

    async def sender(self) -> KafkaSender:
        producer = AIOKafkaProducer(
            **self._where, acks="all", enable_idempotence=self._idempotent, max_batch_size=BATCH_BYTES
        )
        _never_reconnects(producer.client)
        try:
            async with _deadline():
                await producer.start()
        except BaseException:
            await _abandon(producer)
            raise
        return KafkaSender(producer)

    async def cluster_id(self) -> str:
        """Asked for every batch that is consumed, so on a connection that is kept; once more on a new one if it broke."""
        async with self._asking:
            if self._client is not None:
                with suppress(BrokerAway):
                    return await self._ask()
            return await self._ask()

    async def _ask(self) -> str:
        try:
            async with _deadline():
                if self._client is None:
                    self._client = AIOKafkaClient(**self._where)
                    await self._client.bootstrap()
                return await _cluster_id(self._client)
        except BaseException:
            await self.close()
            raise

    async def read(self, topic: str) -> AsyncIterator[list[Incoming]]:
        consumer = AIOKafkaConsumer(
            **self._where, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=self._fetch_wait
        )
        try:
            async with _deadline():
                await consumer.start()
                partitions = await consumer._client._wait_on_metadata(topic)
                unread = {TopicPartition(topic, partition) for partition in partitions}
                consumer.assign(list(unread))
                await consumer.seek_to_beginning(*unread)
            async for records in self._to_the_end(consumer, unread):
                yield records
        finally:
            await consumer.stop()

    async def close(self) -> None:
        """Senders are closed by who made them."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _to_the_end(
        self, consumer: AIOKafkaConsumer, unread: set[TopicPartition]
    ) -> AsyncIterator[list[Incoming]]:
        """Up to each partition's first reported high-water mark; the embedded broker's `end_offsets` are wrong."""
        ends: dict[TopicPartition, int] = {}
        last_news = time.monotonic()
        while unread:
            async with _deadline(2 * DEADLINE):
                found = await consumer.getmany(*unread, timeout_ms=self._fetch_wait)
                for at in list(unread):
                    mark = consumer.highwater(at)
                    if mark is not None and ends.setdefault(at, mark) <= await consumer.position(at):
                        unread.discard(at)
            if found or not unread:
                last_news = time.monotonic()
            elif time.monotonic() - last_news > DEADLINE:
                raise BrokerAway("nothing more arrives, and the end is not reached")
            for at, records in found.items():
                kept = [r for r in records if r.offset < ends[at]]
                if kept:
                    yield [
                        Incoming(r.topic, r.partition, r.offset, r.key, r.value, r.headers, r.timestamp) for r in kept
                    ]
