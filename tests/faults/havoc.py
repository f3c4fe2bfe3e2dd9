"""Lets a schedule happen to a platform, and takes down what was really done and when."""

import asyncio
import signal
import time
from collections.abc import Callable
from random import Random
from typing import Any

from deploy.local.platform import Platform
from deploy.local.trouble import Trouble
from shared.broker.murmur import partition_of
from shared.contracts.base import kind_of
from shared.store.mongo import MongoStore
from shared.store.port import StoreAway
from tests.faults.poison import Poison, Poisoner, send
from tests.faults.proxy import Proxy
from tests.faults.records import KINDS
from tests.faults.schedule import Fault
from tests.faults.watcher import Watcher

BURST = 120
BACK = 60.0  # seconds until store and broker are up again at the latest: "SIGKILL and restart" is one fault


class Havoc:
    """One round's faults. `poison` is all that was sent, or may have been."""

    def __init__(
        self,
        seed: int,
        platform: Platform,
        proxy: Proxy,
        store: MongoStore,
        watcher: Watcher,
        say: Callable[[str], None],
    ) -> None:
        self._platform, self._proxy, self._store, self._watcher, self._say = platform, proxy, store, watcher, say
        self._rng = Random(f"poison/{seed}")
        self._busy: set[str] = set()
        self._last_owner = "recruitment"
        self.poison: list[Poison] = []
        self.done: list[dict[str, Any]] = []
        self._began = time.monotonic()

    async def run(self, faults: list[Fault]) -> None:
        """All of them at their times; returns when the last one has been put right again."""
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0.0, fault.at - (time.monotonic() - self._began)))
                group.create_task(self._one(fault))
        await self._proxy.heal()
        until = time.monotonic() + BACK
        while time.monotonic() < until and not self._servers_are_up():  # noqa: ASYNC110 (a place tells no event)
            await asyncio.sleep(0.05)

    def _servers_are_up(self) -> bool:
        return all(self._platform.members[name].state == "ready" for name in ("store", "broker"))

    async def _one(self, fault: Fault) -> None:
        begun = time.monotonic() - self._began
        try:
            did = await self._do(fault)
        except Trouble as trouble:  # while others rage; whether all is well again is asked when it is quiet
            did = f"{fault.whom}: {trouble}"
        over = time.monotonic() - self._began
        self._say(f"{fault.what} {did}")
        self.done.append(fault.as_json() | {"did": did, "from": round(begun, 2), "to": round(over, 2)})

    async def _do(self, fault: Fault) -> str:
        match fault.what:
            case "kill":
                return self._kill(fault.whom)
            case "kill-owner":
                return self._kill(await self._owner())
            case "pause":
                return await self._pause(fault.whom, fault.seconds)
            case "pause-owner":
                return await self._pause(await self._owner(), fault.seconds)
            case "hold":
                return await self._hold(fault.whom, fault.seconds)
            case "rebalance":
                return await self._rebalance(f"{fault.whom}.3", fault.seconds)
            case "poison":
                return await self.send(self.rows())
            case "poison-burst":
                return await self.send(self.burst())
        return await self._gate(fault.whom, fault.what, fault.seconds)

    def _kill(self, name: str) -> str:
        if name not in self._platform.members or not self._platform.members[name].alive:
            return f"{name or 'nobody'}: not there"
        self._platform.kill(name)
        return name

    async def _pause(self, name: str, seconds: float) -> str:
        if name not in self._platform.members or name in self._busy:
            return f"{name or 'nobody'}: not there"
        self._busy.add(name)
        try:
            self._platform.pause(name)
            await asyncio.sleep(seconds)
        finally:
            self._platform.resume(name)
            self._busy.discard(name)
        return f"{name} for {seconds} s"

    async def _hold(self, name: str, seconds: float) -> str:
        if name in self._busy or self._platform.members[name].state != "ready":
            return f"{name}: not up"
        self._busy.add(name)
        try:
            self._platform.hold(name)
            await asyncio.sleep(seconds)
            await self._platform.release(name)
        finally:
            self._busy.discard(name)
        return f"{name} for {seconds} s"

    async def _rebalance(self, name: str, seconds: float) -> str:
        if name in self._busy:
            return f"{name}: there already"
        self._busy.add(name)
        try:
            await self._platform.release(name)
            await asyncio.sleep(seconds)
        finally:
            self._platform.hold(name, signal.SIGTERM)
            self._busy.discard(name)
        return f"{name} came and left after {seconds} s"

    async def _gate(self, gate: str, do: str, seconds: float) -> str:
        await self._proxy.tell(gate, "freeze" if do == "stall" else do, self._rng.uniform(0.01, 0.25))
        if not seconds:
            return gate
        await asyncio.sleep(seconds)
        if do == "stall":
            await self._proxy.tell(gate, "cut")
        await self._proxy.tell(gate, "heal")
        return f"{gate} for {seconds} s"

    async def _owner(self) -> str:
        """The process that follows recruitment's log, by the lease's own words; the last one known if the store is away."""
        try:
            lease = (await self._store["leases"].get(["follower"])).get("follower") or {}
        except StoreAway:
            return self._last_owner
        pid = str(lease.get("owner") or "").partition("-")[0]
        for name, member in self._platform.members.items():
            if member.child is not None and str(member.child.pid) == pid:
                self._last_owner = name
        return self._last_owner

    # Poison

    def rows(self, *, quiet: bool = False) -> list[Poison]:
        """Each row of the table, on every topic."""
        found: list[Poison] = []
        for kind in KINDS.values():
            streams = [one for one in sorted(self._watcher.versions.items()) if kind_of(one[0]) == kind.name]
            streams = [one for one in streams if one[1] > 1] or streams  # with a past, for the row that needs one
            victims = self._rng.sample(streams, min(1, len(streams)))
            found += Poisoner(kind, self._rng).all_rows(victims, quiet=quiet)
        return found

    def burst(self) -> list[Poison]:
        return [Poisoner(kind, self._rng).garbage() for kind in KINDS.values() for _ in range(BURST)]

    async def send(self, records: list[Poison], patience: float = 10.0) -> str:
        """Send them, each to its stream's partition."""
        self.poison += [record for record in records if record not in self.poison]
        partitions = self._platform.partitions
        placed = [(record, partition_of(record.stream.encode(), partitions)) for record in records]
        sent = await send(self._platform.bootstrap, placed, patience)
        return f"{sent} of {len(records)} records"
