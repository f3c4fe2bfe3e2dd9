"""Fixtures for every test: the embedded servers of this test session, and real ones in containers where Docker is."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import containers
from tests.support.servers import EmbeddedBroker, EmbeddedStore, missing_tools


@pytest.fixture(scope="session")
def embedded_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """One SecantusDB for the whole session. Use a database of your own (`fresh_name`), and do not kill it."""
    if reason := missing_tools():
        pytest.fail(reason)
    server = EmbeddedStore(tmp_path_factory.mktemp("store"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """One Tansu for the whole session. Use topics of your own, and do not kill it."""
    if reason := missing_tools():
        pytest.fail(reason)
    server = EmbeddedBroker(tmp_path_factory.mktemp("broker"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """A SecantusDB for this test alone, which it may kill and start again."""
    server = EmbeddedStore(tmp_path / "store")
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A Tansu for this test alone, which it may kill and start again."""
    server = EmbeddedBroker(tmp_path / "broker")
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="session")
def mongodb_uri() -> Iterator[str]:
    """A real MongoDB 8 replica set, where Docker is."""
    containers.skip_without_docker()
    yield from containers.mongodb()


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[list[str]]:
    """A real Apache Kafka 4, where Docker is."""
    containers.skip_without_docker()
    yield from containers.kafka()


@pytest.fixture
def fresh_name() -> str:
    """A name that no other test uses, for a database or a topic."""
    return f"t{secrets.token_hex(6)}"
