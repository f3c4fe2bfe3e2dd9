"""Real servers in containers, for the same tests: MongoDB 8, Apache Kafka 4. Skipped where Docker is not."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from tests.support.servers import free_port

MONGODB = "mongo:8"
SOCKET = "/var/run/docker.sock"
KAFKA = "apache/kafka:4.1.0"


@cache
def missing_docker() -> str | None:
    """Why containers cannot be started here, or None."""
    stand_in = "the embedded servers stand in"
    if os.environ.get("DOCKER_HOST"):
        return None
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        if error := probe.connect_ex(SOCKET):
            return f"no Docker daemon listens on {SOCKET} ({os.strerror(error)}): {stand_in}"
    return None


def skip_without_docker() -> None:
    """Skip the running test with the reason."""
    if reason := missing_docker():
        pytest.skip(reason)


def mongodb() -> Iterator[str]:
    """A MongoDB replica set of one; yields its URI."""
    from testcontainers.core.container import DockerContainer

    with DockerContainer(MONGODB).with_command("--replSet rs0 --bind_ip_all").with_exposed_ports(27017) as container:
        initiate = 'rs.initiate({_id: "rs0", members: [{_id: 0, host: "localhost:27017"}]})'
        _until(lambda: container.exec(["mongosh", "--quiet", "--eval", initiate]).exit_code == 0)
        primary = "quit(db.hello().isWritablePrimary ? 0 : 1)"
        _until(lambda: container.exec(["mongosh", "--quiet", "--eval", primary]).exit_code == 0)
        host, port = container.get_container_host_ip(), container.get_exposed_port(27017)
        yield f"mongodb://{host}:{port}/?directConnection=true&retryWrites=true"


def kafka() -> Iterator[list[str]]:
    """An Apache Kafka of one node (KRaft); yields its bootstrap addresses."""
    from testcontainers.core.container import DockerContainer

    port = free_port()
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://localhost:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    container = DockerContainer(KAFKA).with_bind_ports(9092, port)
    for name, value in settings.items():
        container = container.with_env(name, value)
    with container:
        ask = ["/opt/kafka/bin/kafka-broker-api-versions.sh", "--bootstrap-server", "localhost:9092"]
        _until(lambda: container.exec(ask).exit_code == 0)
        yield [f"localhost:{port}"]


def _until(done: Callable[[], bool], patience: float = 60.0) -> None:
    until = time.monotonic() + patience
    while not done():
        if time.monotonic() > until:
            raise RuntimeError("the container did not become ready")
        time.sleep(0.5)
