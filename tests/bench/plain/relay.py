"""The plain relay: a change stream, a `send` for each event, a flush at the end. A crash in between loses or repeats."""

from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from pymongo import AsyncMongoClient

from tests.bench.meter import Meter


async def drain(
    store_uri: str, bootstrap: str, pids: dict[str, int], database: str, token: Any, topic: str, commits: int
) -> dict[str, Any]:
    """All commits behind the token, to the topic, acknowledged."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(store_uri)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    left = commits
    with Meter(pids) as meter:
        # no $match: on the embedded store it costs more than reading the change itself
        async with await client[database]["commits"].watch(resume_after=token) as stream:
            async for change in stream:
                if change["operationType"] != "insert":
                    continue
                commit = change["fullDocument"]
                key = commit["stream"].encode()
                for event in commit["events"]:
                    headers = [("ce_type", event["type"].encode()), ("ce_subject", key)]
                    await producer.send(topic, orjson.dumps(event["data"]), key=key, headers=headers)
                left -= 1
                if not left:
                    break
        await producer.flush()
    await producer.stop()
    await client.close()
    return meter.result(commits)
