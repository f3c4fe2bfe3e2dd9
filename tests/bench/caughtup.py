"""When relay and views have caught up with a burst: seen from outside, in the view and on the topic."""

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from pymongo import AsyncMongoClient

PATIENCE = 60.0
LOOK = 0.005


class Behind:
    """Opened before the burst at the topic's `ends` (partition -> offset; empty: its start); reads nothing until asked."""

    def __init__(
        self,
        store_uri: str,
        database: str,
        bootstrap: str,
        topic: str,
        ends: Mapping[str, int],
        patience: float = PATIENCE,
    ) -> None:
        self._patience = patience
        self._client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(store_uri)
        self._database, self._topic, self.ends = self._client[database], topic, dict(ends)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=20
        )

    async def open(self) -> None:
        await self._consumer.start()
        await self._consumer._client._wait_on_metadata(self._topic)
        places = [
            TopicPartition(self._topic, n) for n in sorted(self._consumer.partitions_for_topic(self._topic) or ())
        ]
        self._consumer.assign(places)
        self._consumer.pause(*places)
        for place in places:
            self._consumer.seek(place, self.ends.get(str(place.partition), 0))

    async def wait(self, view: str, versions: Mapping[str, int], records: int) -> None:
        """Until the view shows these versions of these streams, and so many more records are on the topic."""
        async with asyncio.timeout(self._patience):
            await asyncio.gather(self._view(view, versions), self._records(records))

    async def close(self) -> None:
        await self._consumer.stop()
        await self._client.close()

    async def _view(self, view: str, versions: Mapping[str, int]) -> None:
        left = dict(versions)
        while left:
            found = self._database[view].find({"_id": {"$in": list(left)}}, {"version": 1})
            async for document in found:
                if document["version"] >= left[document["_id"]]:
                    del left[document["_id"]]
            if left:
                await asyncio.sleep(LOOK)

    async def _records(self, left: int) -> None:
        self._consumer.resume(*self._consumer.assignment())
        while left > 0:
            for place, records in (await self._consumer.getmany(timeout_ms=200)).items():
                self.ends[str(place.partition)] = records[-1].offset + 1
                left -= len(records)
