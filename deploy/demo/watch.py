"""Looks at the platform once a second while the volunteers apply: what is up, how far behind the relay is, what arrived."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.records import Records
from deploy.demo.where import Place
from deploy.demo.wire import Unreachable, Wire
from shared.store.port import StoreAway

EVERY = 1.0  # seconds
SHARE = 20  # counting may take a twentieth of the time
_RELAY_LAG = re.compile(r"^hamkke_relay_lag_commits\{[^}]*service=\"recruitment\"[^}]*\} (\S+)$", re.MULTILINE)


@dataclass
class Watch:
    """What was seen last. None where nothing could be seen."""

    place: Place
    records: Records
    arrived: int | None = 0
    relay_lag: float | None = None
    processes: list[dict[str, Any]] = field(default_factory=list)
    _count_next: float = 0.0

    async def run(self) -> None:
        """Look for ever. Raises Trouble once the platform has been stopped."""
        wire = Wire(self.place.url("recruitment"), EVERY)
        try:
            while True:
                self.processes = self.place.processes()
                await asyncio.gather(self._count_arrivals(), self._ask_for_lag(wire), asyncio.sleep(EVERY))
        finally:
            wire.close()

    @property
    def up(self) -> tuple[int, int]:
        """How many processes are ready, of how many."""
        states = {row["process"]: row["state"] for row in self.processes}
        return sum(state == "ready" for state in states.values()), len(states)

    @property
    def restarts(self) -> int:
        return sum({row["process"]: int(row["restarts"]) for row in self.processes}.values())

    async def _count_arrivals(self) -> None:
        """The embedded store counts by looking at every entry, so the more it took the rarer it is asked."""
        now = time.monotonic()
        if now < self._count_next:
            return
        try:
            self.arrived = await self.records.inbox_entries()
        except StoreAway:
            self.arrived = None
        self._count_next = time.monotonic() + SHARE * (time.monotonic() - now)

    async def _ask_for_lag(self, wire: Wire) -> None:
        try:
            said = (await wire.request("GET", "/metrics", {}, None)).body.decode()
        except Unreachable:
            self.relay_lag = None
            return
        found = _RELAY_LAG.search(said)
        self.relay_lag = float(found[1]) if found else None
