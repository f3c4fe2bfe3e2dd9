"""Facts as they come: the topics read live, across restarts of the broker, repeats left out."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.broker.kafka import KafkaBroker
from shared.broker.port import BrokerAway, Incoming
from shared.contracts.cloudevents import Record, Unreadable, read_record
from shared.settings import Settings

LAST = 10  # facts of each partition shown at first
LOOK, CHECK = 0.5, 2.0  # seconds: between fetches, between two looks at which cluster this is


class Facts:
    """Reads topics for ever. `told` hears what stands in the way meanwhile."""

    def __init__(
        self, settings: Settings, topics: Sequence[str], from_start: bool, told: Callable[[str], None]
    ) -> None:
        self._settings, self._topics, self._from_start, self._told = settings, list(topics), from_start, told
        self._seen: dict[str, int] = {}

    async def read(self) -> AsyncGenerator[tuple[Incoming, Record | str], None]:
        """Each record with the fact in it, or with why it is none."""
        while True:
            try:
                async with aclosing(self._read_one_cluster()) as one_cluster:
                    async for found in one_cluster:
                        yield found
                self._told("This is another broker, or an emptied one: reading on from its start.")
            except (BrokerAway, KafkaError) as away:
                self._told(f"The broker is away ({type(away).__name__}); waiting for it.")
                await asyncio.sleep(LOOK * 2)
            self._from_start = True

    async def _read_one_cluster(self) -> AsyncGenerator[tuple[Incoming, Record | str], None]:
        broker = KafkaBroker(self._settings.broker, self._settings.idempotent_producer)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=list(self._settings.broker), enable_auto_commit=False, auto_offset_reset="earliest",
            fetch_max_wait_ms=self._settings.fetch_wait_ms,
        )  # fmt: skip
        try:
            cluster = await broker.cluster_id()
            await consumer.start()
            await self._begin(consumer)
            loop = asyncio.get_running_loop()
            checked = loop.time()
            while True:
                for records in (await consumer.getmany(timeout_ms=int(LOOK * 1000))).values():
                    for raw in records:
                        incoming = Incoming(
                            raw.topic, raw.partition, raw.offset, raw.key, raw.value, raw.headers, raw.timestamp
                        )
                        if (found := self._news(incoming)) is not None:
                            yield incoming, found
                if loop.time() - checked > CHECK:
                    checked = loop.time()
                    if await broker.cluster_id() != cluster:
                        return
        finally:
            await broker.close()
            with suppress(KafkaError):
                await consumer.stop()

    async def _begin(self, consumer: AIOKafkaConsumer) -> None:
        places = [
            TopicPartition(topic, partition)
            for topic in self._topics
            for partition in await consumer._client._wait_on_metadata(topic)
        ]
        consumer.assign(places)
        if self._from_start:
            await consumer.seek_to_beginning(*places)
            return
        for place, end in (await consumer.end_offsets(places)).items():
            consumer.seek(place, max(0, end - LAST))  # the embedded broker's ends are early, never late

    def _news(self, raw: Incoming) -> Record | str | None:
        """The fact, or why it is none; None for a repeat."""
        try:
            record = read_record(raw)
        except Unreadable as why:
            return str(why)
        if record.version <= self._seen.get(record.stream, 0):
            return None
        self._seen[record.stream] = record.version
        return record
