"""Looks at the platform once a second while the volunteers apply: what is up, how far behind the relay is, what arrived."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from deploy.demo.arrivals import Arrivals
from deploy.demo.where import Place
from deploy.demo.wire import Unreachable, Wire
from shared.store.port import StoreAway

EVERY = 1.0  # seconds
_RELAY_LAG = re.compile(r'^hamkke_relay_lag_seconds\{[^}]*service="recruitment"[^}]*\} (\S+)$', re.MULTILINE)


@dataclass
class Watch:
    """What was seen last. `relay_lag` in seconds, None where it could not be seen."""

    place: Place
    inboxes: Arrivals
    relay_lag: float | None = None
    processes: list[dict[str, Any]] = field(init=False)

    def __post_init__(self) -> None:
        self.processes = self.place.processes()
        self._restarts_before = self._restarts_ever()  # of a platform that was up already

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
        """How often processes came back while this looked."""
        return self._restarts_ever() - self._restarts_before

    def _restarts_ever(self) -> int:
        return sum({row["process"]: int(row["restarts"]) for row in self.processes}.values())

    @property
    def lag(self) -> str:
        """The relay's lag in words."""
        return "not to be seen" if self.relay_lag is None else f"{self.relay_lag:.1f} s"

    async def _count_arrivals(self) -> None:
        try:
            await self.inboxes.look()
        except StoreAway:
            return  # the count stays as it was, and the processes show why

    async def _ask_for_lag(self, wire: Wire) -> None:
        try:
            said = (await wire.request("GET", "/metrics", {}, None)).body.decode()
        except Unreachable:
            self.relay_lag = None
            return
        found = _RELAY_LAG.search(said)
        self.relay_lag = float(found[1]) if found else None
