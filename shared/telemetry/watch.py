"""Looks at a service's follower and consumers every few seconds, and tells the metrics what it saw."""

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

from shared.moments import moment
from shared.store.port import Doc, Store, StoreAway
from shared.telemetry import metrics

if TYPE_CHECKING:
    from shared.consumption.subscribers import Subscribers
    from shared.follower.follower import Follower

EVERY = 5.0  # seconds
MOST = 10_000  # parked or dead records that are counted


class Watch:
    """Of one service in one process. `observed` is the follower's `observe`; set `follower` and `subscribers` if any."""

    trouble: str | None = None

    def __init__(self, service: str, store: Store) -> None:
        self._service, self._store = service, store
        self.follower: Follower | None = None
        self.subscribers: Subscribers | None = None
        self._told: Counter[tuple[str, str]] = Counter()

    def observed(self, commits: list[Doc]) -> None:
        """These commits have just reached the own views."""
        metrics.commits(self._service, len(commits))
        metrics.view_lag(self._service, _age(commits[-1]["at"]))

    async def run(self) -> None:
        """Look until cancelled; while the store is away there is nothing to see."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await self.look()
            except StoreAway:
                continue

    async def look(self) -> None:
        """Tell all metrics once. Raises StoreAway."""
        if self.follower is not None:
            relay = self.follower.relay
            metrics.relay_lag(self._service, _age(relay.behind) if relay and relay.behind else 0.0)
            if relay is None:  # another process follows: what it sees is there to be read
                metrics.view_lag(self._service, 0.0)
        if self.subscribers is None:
            return
        for (consumer, topic, partition), records in self.subscribers.lag().items():
            metrics.consumer_lag(self._service, consumer, topic, partition, records)
        for shell in self.subscribers.shells:
            await self._tell(shell.consumer.name, shell.counts)

    async def _tell(self, consumer: str, counts: Counter[str]) -> None:
        for outcome, total in counts.items():
            metrics.settled(self._service, consumer, outcome, total - self._told[consumer, outcome])
            self._told[consumer, outcome] = total
        for state, told in (("parked", metrics.parked), ("dead", metrics.dead)):
            where = {"consumer": consumer, "state": state}
            told(self._service, consumer, len(await self._store[state].find(where, limit=MOST, fields=("state",))))


def _age(at: str) -> float:
    return max(0.0, time.time() - moment(at).timestamp())
