"""A platform for the stories of a module. It is theirs alone, so they may not disturb each other: calls of their own."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from deploy.local import topics
from tests.flows.platform import Platform, a_platform
from tests.support.servers import EmbeddedBroker, EmbeddedStore


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(tmp_path_factory: pytest.TempPathFactory, embedded_store: EmbeddedStore) -> AsyncIterator[Platform]:
    """Ready, on a broker of its own and databases of its own. Tests say `pytest.mark.asyncio(loop_scope="module")`."""
    broker = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    broker.start()
    await topics.apply(broker.bootstrap, partitions=3)
    async with a_platform(tmp_path_factory.mktemp("home"), embedded_store.uri, broker.bootstrap) as platform:
        await platform.ready()
        yield platform
    broker.kill()
