"""A platform for each story."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local import topics
from tests.flows.platform import Platform, a_platform
from tests.support.servers import EmbeddedBroker, EmbeddedStore


@pytest.fixture
async def platform(
    tmp_path: Path, embedded_store: EmbeddedStore, own_broker: EmbeddedBroker
) -> AsyncIterator[Platform]:
    """Ready, on a broker of its own and a database of its own."""
    await topics.apply(own_broker.bootstrap, partitions=3)
    async with a_platform(tmp_path / "home", embedded_store.uri, own_broker.bootstrap) as platform:
        await platform.ready()
        yield platform
