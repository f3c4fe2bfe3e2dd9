"""The plain view: `getmany`, validate, one `bulk_write` of upserts, commit. It applies a record twice when told twice."""

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import AsyncMongoClient, ReplaceOne

from shared.contracts.recruitment import ApplicationSubmitted, ApplicationWithdrawn
from tests.bench.meter import Meter

AT_ONCE = 500
EVENTS = {event.TYPE: event for event in (ApplicationSubmitted, ApplicationWithdrawn)}


async def ingest(
    store_uri: str, bootstrap: str, pids: dict[str, int], database: str, topic: str, group: str, events: int
) -> dict[str, Any]:
    """Into a fresh view, from a topic that holds `events` records."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(store_uri)
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False,
        fetch_max_wait_ms=20,
    )  # fmt: skip
    await consumer.start()
    try:
        return await _take(client[database]["applications_seen"], consumer, pids, events, committing=True)
    finally:
        await consumer.stop()
        await client.close()


async def rebuild(
    store_uri: str, bootstrap: str, pids: dict[str, int], database: str, topic: str, events: int
) -> dict[str, Any]:
    """The same view from the topic's start, outside any group."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(store_uri)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=20)
    await consumer.start()
    try:
        await consumer._client._wait_on_metadata(topic)
        places = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        return await _take(client[database]["applications_seen"], consumer, pids, events, committing=False)
    finally:
        await consumer.stop()
        await client.close()


async def _take(
    view: Any, consumer: AIOKafkaConsumer, pids: dict[str, int], events: int, committing: bool
) -> dict[str, Any]:
    found = await consumer.getmany(timeout_ms=10_000, max_records=AT_ONCE)
    done = 0
    with Meter(pids) as meter:
        while True:
            writes = []
            for record in (record for records in found.values() for record in records):
                kind = next(value.decode() for name, value in record.headers if name == "ce_type")
                event = EVENTS[kind].model_validate_json(record.value)
                stream = record.key.decode()
                writes.append(ReplaceOne({"_id": stream}, document(stream, kind, event), upsert=True))
            if writes:
                await view.bulk_write(writes)
                done += len(writes)
            if done >= events:
                break
            if committing:
                await consumer.commit()
            found = await consumer.getmany(timeout_ms=200, max_records=AT_ONCE)
    return meter.result(done)


def document(stream: str, kind: str, event: Any) -> dict[str, Any]:
    """A document of the view."""
    return {
        "_id": stream,
        "type": kind,
        "call_id": event.call_id,
        "citizen": event.citizen,
        "number": event.number,
        "title": event.title.model_dump(),
    }
