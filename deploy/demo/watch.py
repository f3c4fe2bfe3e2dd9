"""Looks at the platform once a second while the volunteers apply: what is up, how far behind the relay is, what arrived."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

import httpx

from deploy.demo.records import Records
from deploy.demo.where import Place
from shared.store.port import StoreAway

EVERY = 1.0  # seconds
_RELAY_LAG = re.compile(r"^hamkke_relay_lag\w*(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


@dataclass
class Watch:
    """What was seen last. None where nothing could be seen."""

    place: Place
    records: Records
    arrived: int | None = 0
    relay_lag: float | None = None
    processes: list[dict[str, Any]] = field(default_factory=list)

    async def run(self) -> None:
        """Look for ever. Raises Trouble once the platform has been stopped."""
        async with httpx.AsyncClient(timeout=1.0, trust_env=False) as http:
            while True:
                self.processes = self.place.processes()
                await asyncio.gather(self._count_arrivals(), self._ask_for_lag(http), asyncio.sleep(EVERY))

    @property
    def up(self) -> tuple[int, int]:
        """How many processes are ready, of how many."""
        states = {row["process"]: row["state"] for row in self.processes}
        return sum(state == "ready" for state in states.values()), len(states)

    @property
    def restarts(self) -> int:
        return sum({row["process"]: int(row["restarts"]) for row in self.processes}.values())

    async def _count_arrivals(self) -> None:
        try:
            self.arrived = await self.records.inbox_entries()
        except StoreAway:
            self.arrived = None

    async def _ask_for_lag(self, http: httpx.AsyncClient) -> None:
        try:
            said = (await http.get(f"{self.place.url('recruitment')}/metrics")).text
        except httpx.TransportError:
            self.relay_lag = None
            return
        found = _RELAY_LAG.search(said)
        self.relay_lag = float(found[1]) if found else None
