"""The plain listener of the dual write: `getmany`, one inbox entry each, commit. `python -m tests.bench.plain.inbox`."""

import asyncio
import os
from typing import Any

import orjson
import uvloop
from aiokafka import AIOKafkaConsumer
from pymongo import AsyncMongoClient, ReplaceOne

from tests.bench.plain.api import TOPIC


async def listen() -> None:
    """Until it is killed."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(os.environ["PLAIN_STORE"])
    inbox = client["plain_inbox"]["inbox"]
    consumer = AIOKafkaConsumer(
        TOPIC, bootstrap_servers=os.environ["PLAIN_BROKER"], group_id="plain.inbox", auto_offset_reset="earliest",
        enable_auto_commit=False, fetch_max_wait_ms=20,
    )  # fmt: skip
    await consumer.start()
    while True:
        found = await consumer.getmany(timeout_ms=200, max_records=500)
        writes = []
        for record in (record for records in found.values() for record in records):
            fact = orjson.loads(record.value)
            stream = record.key.decode()
            entry = {"recipient": fact["citizen"], "about": stream, "time": fact["at"], "ko": "신청이 접수되었습니다."}
            writes.append(ReplaceOne({"_id": f"{stream}@1"}, entry, upsert=True))
        if writes:
            await inbox.bulk_write(writes)
            await consumer.commit()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(listen())
