"""A schedule comes from its seed alone, and lets everything happen."""

import asyncio
import time
from collections import Counter
from importlib.util import find_spec

import pytest

from deploy.local.ports import LOOPBACK, free_port
from tests.faults.proxy import Proxy
from tests.faults.schedule import DEFAULT, SCENARIOS, SERVICES, schedule


def test_the_same_seed_is_the_same_schedule() -> None:
    assert schedule(7, 60) == schedule(7, 60)
    assert schedule(7, 60) != schedule(8, 60)


@pytest.mark.parametrize("seed", range(1, 21))
def test_in_a_minute_everything_goes_wrong_at_least_once(seed: int) -> None:
    happened = Counter(
        (fault.what, "" if fault.what in ("kill", "pause") else fault.whom) for fault in schedule(seed, 60)
    )
    kinds = sum(len(SCENARIOS[name]) for name in DEFAULT)
    assert sum(happened.values()) >= kinds
    assert {what for what, _ in happened} >= {
        "kill", "kill-owner", "pause", "pause-owner", "hold", "cut", "delay", "freeze", "stall", "rebalance", "poison",
        "poison-burst",
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(1, 21))
def test_a_rebalance_is_one_of_consumers(seed: int) -> None:
    rebalanced = {fault.whom for fault in schedule(seed, 60) if fault.what == "rebalance"}
    assert rebalanced == {name for name in SERVICES if find_spec(f"services.{name}.consumers")}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_scenario_has_its_own_faults_only(scenario: str) -> None:
    faults = schedule(1, 20, scenario)
    assert faults
    assert all(0 < fault.at < 20 for fault in faults)


async def ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read(1) == b""
    except ConnectionError:
        return True


async def test_the_proxy_forwards_delays_freezes_and_cuts() -> None:
    over = asyncio.Event()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while some := await reader.read(100):
                writer.write(some)
        except ConnectionError:
            pass  # cut
        finally:
            writer.close()
            over.set()

    front, behind = free_port(), free_port()
    proxy = Proxy({"echo": (front, behind)})
    server = await asyncio.start_server(echo, LOOPBACK, behind)
    await proxy.start()
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, front)

        async def took() -> float:
            begun = time.monotonic()
            writer.write(b"x")
            assert await reader.read(1) == b"x"
            return time.monotonic() - begun

        await took()
        await proxy.tell("echo", "delay", 0.2)
        assert await took() >= 0.4
        await proxy.tell("echo", "freeze")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(took(), 0.5)
        await proxy.tell("echo", "heal")
        assert await reader.read(1) == b"x"
        assert await proxy.tell("echo", "cut") == 1
        assert await ended(reader)
        await asyncio.wait_for(over.wait(), 5)
        writer.close()
    finally:
        await proxy.stop()
        server.close()
        await server.wait_closed()
