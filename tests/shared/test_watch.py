"""The watch: what follower and consumers do shows in the metrics."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from shared import moments
from shared.telemetry import metrics
from shared.telemetry.watch import Watch
from tests.simulation.store import MemoryServer, MemoryStore


def shown(name: str, **labels: str) -> float | None:
    return metrics.REGISTRY.get_sample_value(f"hamkke_{name}", {"service": "watched"} | labels)


async def test_log_growth_and_relay_lag_are_shown() -> None:
    watch = Watch("watched", MemoryStore(MemoryServer()))
    now = datetime.now(UTC)
    relay = SimpleNamespace(at=moments.text(now - timedelta(seconds=90)))
    watch.follower = SimpleNamespace(relay=relay)  # type: ignore[assignment]
    watch.observed([{"at": moments.text(now - timedelta(seconds=1))}, {"at": moments.text(now)}])
    await watch.look()
    assert shown("commits_total") == 2
    assert 89 < (shown("relay_lag_seconds") or 0) < 120
    relay.at = moments.text(now)
    await watch.look()
    assert shown("relay_lag_seconds") == 0


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
