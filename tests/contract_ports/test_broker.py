"""The broker's promises, held by every broker alike."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import NamedTuple

import pytest

from deploy.local import kafka
from deploy.local.ports import LOOPBACK
from deploy.local.trouble import Trouble
from shared.broker.kafka import KafkaBroker
from shared.broker.port import Broker, BrokerAway, Incoming, Outgoing
from tests.simulation.broker import Cluster, MemoryBroker
from tests.support.servers import Server, free_port
from tests.support.topics import create_topic


class Given(NamedTuple):
    """A broker, and how to make a topic of three partitions there."""

    broker: Broker
    create: Callable[[str], Awaitable[None]]


class Jars(Server):
    """The Apache Kafka of `make kafka`."""

    def command(self) -> tuple[list[str], dict[str, str]]:
        clients, controller = free_port(), free_port()
        launch = kafka.prepare(self.directory, self.port, clients, controller, f"{LOOPBACK}:{clients}")
        return list(launch.command), dict(launch.env)


@pytest.fixture(scope="module")
def jars(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    try:
        kafka.require()
    except Trouble as missing:
        pytest.skip(str(missing))
    server = Jars(tmp_path_factory.mktemp("jars"))
    server.start()
    yield [f"{LOOPBACK}:{server.port}"]
    server.kill()


BROKERS = [
    "memory",
    "embedded",
    pytest.param("kafka_bootstrap", marks=pytest.mark.docker),
    pytest.param("jars", marks=pytest.mark.kafka),
]


@pytest.fixture(params=BROKERS)
async def given(request: pytest.FixtureRequest) -> AsyncIterator[Given]:
    if request.param == "memory":
        cluster = Cluster()

        async def create(name: str) -> None:
            cluster.create(name)

        yield Given(MemoryBroker(cluster), create)
        return
    if request.param == "embedded":
        bootstrap, idempotent = request.getfixturevalue("embedded_broker").bootstrap, False
    else:
        bootstrap, idempotent = request.getfixturevalue(request.param), True
    broker = KafkaBroker(bootstrap, idempotent, fetch_wait=0.02)
    yield Given(broker, lambda name: create_topic(bootstrap, name))
    await broker.close()


def record(topic: str, key: str, value: bytes, **headers: str) -> Outgoing:
    return Outgoing(topic, key.encode(), value, [(name, text.encode()) for name, text in headers.items()])


async def everything(broker: Broker, topic: str) -> list[Incoming]:
    return [record async for batch in broker.read(topic) for record in batch]


async def test_an_empty_topic_reads_as_nothing(given: Given, fresh_name: str) -> None:
    await given.create(fresh_name)
    assert await everything(given.broker, fresh_name) == []


async def test_what_was_sent_is_read_back_to_the_byte(given: Given, fresh_name: str) -> None:
    await given.create(fresh_name)
    sender = await given.broker.sender()
    await sender.send([record(fresh_name, "a:1", b"\x00\xff{", ce_id="a:1@1", ce_type="한글")])
    await sender.close()
    [read] = await everything(given.broker, fresh_name)
    assert (read.topic, read.offset, read.key, read.value) == (fresh_name, 0, b"a:1", b"\x00\xff{")
    assert [(name, bytes(value)) for name, value in read.headers] == [("ce_id", b"a:1@1"), ("ce_type", "한글".encode())]


async def test_offsets_are_acknowledged_per_partition_and_order_holds_per_key(given: Given, fresh_name: str) -> None:
    await given.create(fresh_name)
    sender = await given.broker.sender()
    sent = [record(fresh_name, f"stream:{n % 17}", str(n).encode()) for n in range(1000)]
    first = await sender.send(sent[:300])
    second = await sender.send(sent[300:])
    await sender.close()
    assert {topic for topic, _ in first} == {fresh_name}
    assert sum(last - start + 1 for start, last in first.values()) == 300
    assert sum(last - start + 1 for start, last in second.values()) == 700
    for partition, (start, _) in second.items():
        assert start == first.get(partition, (0, -1))[1] + 1
    read = await everything(given.broker, fresh_name)
    assert len(read) == 1000
    homes: dict[bytes | None, set[int]] = {}
    for r in read:
        homes.setdefault(r.key, set()).add(r.partition)
    assert all(len(partitions) == 1 for partitions in homes.values())
    for key in homes:
        numbers = [int(r.value or b"") for r in read if r.key == key]
        assert numbers == sorted(numbers)


async def test_more_bytes_than_a_batch_takes_arrive_in_order(given: Given, fresh_name: str) -> None:
    await given.create(fresh_name)
    sender = await given.broker.sender()
    sent = [record(fresh_name, f"stream:{n % 2}", f"{n:03}".encode() + b"x" * 250_000) for n in range(30)]
    acknowledged = await sender.send(sent)
    await sender.close()
    assert sum(last - start + 1 for start, last in acknowledged.values()) == 30
    read = await everything(given.broker, fresh_name)
    assert sorted(int((r.value or b"")[:3]) for r in read) == list(range(30))
    for key in {r.key for r in read}:
        numbers = [int((r.value or b"")[:3]) for r in read if r.key == key]
        assert numbers == sorted(numbers)


async def test_a_cluster_has_one_id_whoever_asks(given: Given) -> None:
    sender = await given.broker.sender()
    assert await sender.cluster_id() == await given.broker.cluster_id() != ""
    await sender.close()


async def test_a_topic_that_does_not_exist_takes_nothing(given: Given, fresh_name: str) -> None:
    sender = await given.broker.sender()
    with pytest.raises(BrokerAway):
        await sender.send([record(fresh_name, "a", b"1")])
    await sender.close()
