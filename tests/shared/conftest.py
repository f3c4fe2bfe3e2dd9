"""The path over real sockets: an event log, a follower and a shell on the embedded store and broker."""

from collections.abc import AsyncIterator

import pytest

from shared.broker.kafka import KafkaBroker
from shared.store.mongo import MongoStore
from tests.support.servers import EmbeddedBroker, EmbeddedStore


@pytest.fixture
async def store(embedded_store: EmbeddedStore, fresh_name: str) -> AsyncIterator[MongoStore]:
    store = MongoStore.connect(embedded_store.uri, fresh_name)
    yield store
    await store.close()


@pytest.fixture
async def broker(embedded_broker: EmbeddedBroker) -> AsyncIterator[KafkaBroker]:
    broker = KafkaBroker(embedded_broker.bootstrap, False, fetch_wait=0.02)
    yield broker
    await broker.close()
