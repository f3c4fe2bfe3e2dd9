"""The watch: what follower and consumers do shows in the metrics."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from shared import moments
from shared.follower.checkpoint import Checkpoint
from shared.follower.relay import Relay
from shared.store.port import Doc
from shared.telemetry import metrics
from shared.telemetry.watch import Watch
from tests.simulation.broker import Cluster, MemoryBroker
from tests.simulation.store import MemoryServer, MemoryStore


def shown(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(f"hamkke_{name}", {"service": "watched"} | labels)


def ago(seconds: float) -> str:
    return moments.text(datetime.now(UTC) - timedelta(seconds=seconds))


async def a_relay(acknowledged: str | None, newest: str | None) -> Relay:
    """A relay whose process has just taken over, on a broker that is away; so far the views have come to `newest`."""
    store = MemoryStore(MemoryServer())
    await store["checkpoints"].insert([{"_id": "relay", "epoch": 1, "token": None, "at": acknowledged}])
    checkpoint = Checkpoint(store["checkpoints"], "relay")
    await checkpoint.take_over(2)
    broker = MemoryBroker(Cluster())
    return Relay(store["commits"], broker, checkpoint, {}, lambda: None, asyncio.Event().wait, newest)


async def lag_of(relay: Relay | None) -> float:
    """What the watch of the relay's process shows."""
    watch = Watch("watched", MemoryStore(MemoryServer()))
    watch.follower = SimpleNamespace(relay=relay)  # type: ignore[assignment]
    await watch.look()
    return shown("relay_lag_seconds") or 0.0


async def test_log_growth_and_the_age_of_what_the_views_took_are_shown() -> None:
    watch = Watch("watched", MemoryStore(MemoryServer()))
    watch.observed([{"at": ago(9)}, {"at": ago(5)}])
    assert shown("commits_total") == 2
    assert 4 < (shown("view_lag_seconds") or 0) < 8


async def test_a_relay_that_has_all_has_no_lag() -> None:
    same = ago(90)
    assert await lag_of(await a_relay(same, same)) == 0
    assert await lag_of(await a_relay(None, None)) == 0


async def test_commits_that_waited_when_this_process_took_over_are_lag() -> None:
    assert 89 < await lag_of(await a_relay(ago(90), ago(30))) < 120


async def test_commits_that_come_while_the_broker_is_away_are_lag() -> None:
    known = await a_relay(ago(90), ago(90))
    known.offer([{"_id": "s@1", "at": ago(1)}], None)
    assert 89 < await lag_of(known) < 120
    never = await a_relay(None, None)
    never.offer([{"_id": "s@1", "at": ago(60)}, {"_id": "s@2", "at": ago(1)}], None)
    assert 59 < await lag_of(never) < 89


async def test_lag_ends_when_the_broker_is_back_even_after_a_scan() -> None:
    relay = await a_relay(None, None)
    scanned: list[Doc] = [{"_id": "b@1", "stream": "b:1", "at": ago(1)}, {"_id": "a@1", "stream": "a:1", "at": ago(60)}]
    relay.offer(scanned, None)
    sender = await relay._broker.sender()
    relay._cluster = await sender.cluster_id()
    await relay._publish(sender, scanned, None)
    assert await lag_of(relay) > 0
    await relay._publish(sender, [], {"at": 2})
    assert await lag_of(relay) == 0


async def test_a_process_that_lost_the_lease_shows_no_lag() -> None:
    assert await lag_of(await a_relay(ago(90), ago(30))) > 0
    assert await lag_of(None) == 0
    assert shown("view_lag_seconds") == 0


async def test_what_became_of_records_is_shown_once() -> None:
    store = MemoryStore(MemoryServer())
    await store["parked"].insert([{"_id": "1", "consumer": "inbox", "state": "parked"}])
    await store["dead"].insert([{"_id": str(n), "consumer": "inbox", "state": "dead"} for n in range(3)])
    await store["dead"].insert([{"_id": "9", "consumer": "inbox", "state": "redriven"}])
    counts: Counter[str] = Counter(applied=5)
    shell: Any = SimpleNamespace(consumer=SimpleNamespace(name="inbox"), counts=counts)
    watch = Watch("watched", store)
    watch.subscribers = SimpleNamespace(shells=[shell], lag=lambda: {("inbox", "t", 0): 7})  # type: ignore[assignment]
    await watch.look()
    counts["applied"] += 2
    await watch.look()
    assert shown("records_total", consumer="inbox", outcome="applied") == 7
    assert shown("parked_records", consumer="inbox") == 1
    assert shown("dead_records", consumer="inbox") == 3
    assert shown("consumer_lag_records", consumer="inbox", topic="t", partition="0") == 7
