"""A platform of one's own: what dies comes back, what fails says why, nothing is left."""

import asyncio
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient

from deploy import docs
from deploy.local import kafka, topics
from deploy.local.health import health
from deploy.local.home import Home
from deploy.local.leftovers import find
from deploy.local.platform import Platform
from deploy.local.process import Child, Launch
from deploy.local.services import SERVICES
from deploy.local.trouble import Trouble

Make = Callable[..., Platform]


async def back(platform: Platform, name: str, seconds: float = 15) -> None:
    """Wait until the member is ready again."""
    until = time.monotonic() + seconds
    while platform.members[name].state != "ready" or platform.members[name].restarts == 0:
        assert time.monotonic() < until, f"{name} did not come back: {platform.describe()}"
        await asyncio.sleep(0.02)


async def cluster_id(bootstrap: str) -> str:
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        node = client.get_random_node()
        from aiokafka.protocol.metadata import MetadataRequest

        answer = await client.send(node, MetadataRequest([]))
        return str(answer.cluster_id)
    finally:
        await client.close()


async def test_everything_is_ready_and_stops_in_order(platform: Make, home: Home) -> None:
    seen: list[str] = []
    p = platform(replicas=2)
    async with p:
        assert set(p.members) == {"store", "broker"} | {f"{name}{n}" for name in SERVICES for n in ("", ".2")}
        for name in ("recruitment", "recruitment.2", "notifications"):
            status, body = await health(int(p.url(name).rpartition(":")[2]))
            assert status == 200
            assert body["service"] == name.partition(".")[0]
            assert "retryWrites=false" in body["store"]
        assert await topics.apply([p.bootstrap], 3) == []
        p._changed = lambda: seen.append(p.state)
    assert seen == ["stopping", "stopped"]
    assert not find(home)


async def test_a_killed_broker_comes_back_empty_under_a_new_name_and_with_its_topics(platform: Make) -> None:
    async with platform(split=False) as p:
        before = await cluster_id(p.bootstrap)
        p.kill("broker")
        await back(p, "broker")
        assert await cluster_id(p.bootstrap) != before
        assert await topics.apply([p.bootstrap], 3) == []


async def test_a_killed_service_comes_back_on_its_port(platform: Make) -> None:
    async with platform() as p:
        old = p.members["recruitment"].child
        p.kill("recruitment")
        await back(p, "recruitment")
        assert old is not None
        assert p.members["recruitment"].child is not old
        assert (await health(p.members["recruitment"].endpoints["recruitment"]))[0] == 200


async def test_what_is_held_stays_away_until_it_is_released(platform: Make) -> None:
    async with platform(split=False) as p:
        p.hold("store")
        await asyncio.sleep(0.5)
        assert not p.members["store"].alive
        await p.release("store")
        assert p.members["store"].state == "ready"


async def test_a_paused_service_stays_paused_while_the_broker_restarts(platform: Make) -> None:
    async with platform() as p:
        p.pause("recruitment")
        p.kill("broker")
        await back(p, "broker")
        assert (await health(p.members["recruitment"].endpoints["recruitment"], patience=0.3))[0] == 0
        assert (await health(p.members["notifications"].endpoints["notifications"]))[0] == 200
        p.resume("recruitment")
        assert (await health(p.members["recruitment"].endpoints["recruitment"]))[0] == 200


async def test_services_and_the_broker_itself_name_the_proxy(platform: Make) -> None:
    p = platform(split=False)
    p.store_address, p.broker_address = "127.0.0.1:7", "127.0.0.1:9"
    async with p:
        _, body = await health(p.members["services"].endpoints["recruitment"])
        assert body["store"].startswith("mongodb://127.0.0.1:7/")
        client = AIOKafkaClient(bootstrap_servers=p.bootstrap)
        await client.bootstrap()
        assert {node.port for node in client.cluster.brokers()} == {9}
        await client.close()


async def test_services_stay_on_loopback_whatever_the_environment_says(
    platform: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAMKKE_HOST", "0.0.0.0")
    async with platform(split=False) as p:
        port = p.members["services"].endpoints["recruitment"]
        assert (await health(port))[0] == 200
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", port))


def test_the_example_of_settings_names_all_that_the_launcher_decides(platform: Make) -> None:
    decided = {name for name in platform()._service_env({}) if name.startswith("HAMKKE_")}
    assert decided - {"HAMKKE_HOME"} <= set(re.findall(r"HAMKKE_\w+", docs.ABOUT_ENV))


async def test_a_taken_port_is_said_and_nothing_starts(platform: Make, home: Home, port: int) -> None:
    sentence = rf"Port {port + 2} \(for notifications\) is taken by .*--port"
    with socket.create_server(("127.0.0.1", port + 2)), pytest.raises(Trouble, match=sentence):
        await platform(port=port).start()
    assert not find(home)


async def test_a_service_that_does_not_start_is_quoted_and_nothing_is_left(platform: Make, home: Home) -> None:
    with pytest.raises(Trouble, match=r"(?s)services process ended by itself \(exit 1\).*I will not start today"):
        await platform(split=False, env={"TINY_FAILS": "1"}).start()
    assert not find(home)


async def test_too_little_disk_is_said_before_anything_starts(
    platform: Make, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.platform.FREE_MB", 1 << 40)
    with pytest.raises(Trouble, match=r"has \d+ MB free, and Hamkke needs"):
        await platform().start()
    assert not (home.data / "store-py").exists()


async def test_a_request_that_runs_is_answered_before_the_process_ends(platform: Make) -> None:
    async with platform(split=False) as p:
        port = p.members["services"].endpoints["notifications"]
        slow = asyncio.create_task(health(port, "/slow", patience=20))
        async with asyncio.timeout(20):
            while (await health(port, "/slow/begun")) != (200, True):  # noqa: ASYNC110 (another process tells no event)
                await asyncio.sleep(0.02)
        p.hold("services", signal.SIGTERM)
        assert await slow == (200, "done")
        child = p.members["services"].child
        assert child is not None
        assert await child.gone(2)
        assert child.code == 0


async def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    deaf = "trap '' TERM; echo deaf; while :; do sleep 0.1; done"
    child = Child(Launch(["sh", "-c", deaf], patience=0.3), tmp_path, tmp_path / "log")
    async with asyncio.timeout(20):
        while "deaf" not in (tmp_path / "log").read_text():  # noqa: ASYNC110 (another process tells no event)
            await asyncio.sleep(0.02)
    await child.stop()
    assert child.code == -signal.SIGKILL


@pytest.mark.kafka
async def test_apache_kafka_keeps_its_records_over_a_kill(platform: Make) -> None:
    try:
        kafka.require()
    except Trouble as missing:
        pytest.skip(str(missing))
    async with platform(split=False, kafka=True) as p:
        before, topic = await cluster_id(p.bootstrap), topics.names()[0]
        assert await produced(p.broker_address, topic, 100) == 99
        p.kill("broker")
        await back(p, "broker", 30)
        assert await cluster_id(p.bootstrap) == before
        assert await produced(p.broker_address, topic, 1) == 100


async def produced(bootstrap: str, topic: str, count: int) -> int:
    """Send that many records to partition 0, idempotently; the last offset."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        sent = [await producer.send(topic, b"x", partition=0) for _ in range(count)]
        return max([(await one).offset for one in sent])
    finally:
        await producer.stop()
