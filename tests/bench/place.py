"""A private store and broker for one row (and services, where it needs them), on free ports, in a folder of their own."""

import asyncio
import itertools
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy.local import topics
from deploy.local.platform import Platform
from deploy.local.ports import free_port, listens
from deploy.local.process import Child, Launch
from deploy.local.services import SERVICES

_numbers = itertools.count(1)


class Place:
    """Where bursts work. `where()` is what a burst must know of it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.url = "" if "recruitment" not in platform.members else platform.url("recruitment")
        self._own: dict[str, int] = {}

    def own(self, url: str, pids: Mapping[str, int]) -> None:
        """A service that the platform did not start itself."""
        self.url, self._own = url, dict(pids)

    @property
    def keys(self) -> Path:
        return self.platform.home.keys

    def pid(self, member: str) -> int:
        child = self.platform.members[member].child
        if child is None:
            raise RuntimeError(f"{member} does not run")
        return child.pid

    def where(self) -> dict[str, Any]:
        """Addresses, and the pids whose CPU is read."""
        return {
            "store_uri": self.platform.store_uri,
            "bootstrap": self.platform.bootstrap,
            "pids": {name: self.pid(name) for name in self.platform.members} | self._own,
        }


def fresh(what: str) -> str:
    """A name that no other burst of this run has."""
    return f"{what}{next(_numbers)}"


@asynccontextmanager
async def servers(store: str) -> AsyncIterator[Place]:
    """Store and broker alone. `store`: py or rs."""
    async with _platform(store, services={}) as place:
        yield place


@asynccontextmanager
async def services(
    store: str, names: Sequence[str] = tuple(SERVICES), hosted_by: str = "deploy.local.serve"
) -> AsyncIterator[Place]:
    """Store, broker and one process of each of these services."""
    chosen = {name: SERVICES[name] for name in names}
    async with _platform(store, services=chosen, hosted_by=hosted_by) as place:
        yield place


@asynccontextmanager
async def _platform(store: str, services: Mapping[str, int], **more: Any) -> AsyncIterator[Place]:
    with tempfile.TemporaryDirectory(prefix="hamkke-bench-") as folder:
        async with Platform(Path(folder), split=True, store=store, services=services, **more) as platform:
            yield Place(platform)


@asynccontextmanager
async def plain(store: str, keys: Path, dual: bool = False) -> AsyncIterator[Place]:
    """Store and broker with the plain service (and, for the dual write, its listener) on them; `keys` check its tokens."""
    async with servers(store) as place:
        port, platform = free_port(), place.platform
        env = {"PLAIN_STORE": platform.store_uri, "PLAIN_KEYS": str(keys), "PLAIN_PORT": str(port)}
        if dual:
            await topics.apply([platform.bootstrap], platform.partitions, ["plain.application"])
            env["PLAIN_BROKER"] = platform.bootstrap
        names = ["api", "inbox"] if dual else ["api"]
        children = {name: _child(platform, f"tests.bench.plain.{name}", env) for name in names}
        try:
            async with asyncio.timeout(20):
                while not await listens(port):  # noqa: ASYNC110 (a port that opens tells no event)
                    await asyncio.sleep(0.05)
            place.own(f"http://127.0.0.1:{port}", {name: child.pid for name, child in children.items()})
            yield place
        finally:
            for child in children.values():
                await child.stop()


def _child(platform: Platform, module: str, env: Mapping[str, str]) -> Child:
    launch = Launch([sys.executable, "-m", module], env)
    return Child(launch, platform.home.run, platform.home.logs / f"{module}.log")
