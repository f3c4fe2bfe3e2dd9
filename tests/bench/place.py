"""A private store and broker for one row (and services, where it needs them), on free ports, in a folder of their own."""

import itertools
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from deploy.local.platform import Platform
from deploy.local.services import SERVICES

_numbers = itertools.count(1)


class Place:
    """Where bursts work. `where()` is what a burst must know of it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

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
            "pids": {name: self.pid(name) for name in self.platform.members},
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
async def services(store: str, hosted_by: str = "deploy.local.serve", **env: str) -> AsyncIterator[Place]:
    """Store, broker and one process of each service."""
    async with _platform(store, services=SERVICES, hosted_by=hosted_by, env=env) as place:
        yield place


@asynccontextmanager
async def _platform(store: str, services: Mapping[str, int], **more: Any) -> AsyncIterator[Place]:
    with tempfile.TemporaryDirectory(prefix="hamkke-bench-") as folder:
        async with Platform(Path(folder), split=True, store=store, services=services, **more) as platform:
            yield Place(platform)
