"""Where the demonstration takes place: on the user's platform if one is up, else on one of its own that ends with it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.cli.reach import settings_of
from deploy.local import leftovers
from deploy.local.home import Home
from deploy.local.platform import Platform
from deploy.local.trouble import Trouble
from shared.settings import Settings


@dataclass(frozen=True)
class Place:
    """A running platform. `own`: it was started for the demonstration."""

    home: Home
    own: bool
    settings: Settings

    def report(self) -> dict[str, Any]:
        """platform.json as it is now. Raises Trouble once the platform has been stopped."""
        found = leftovers.report(self.home)
        if not found or found["state"] in ("stopping", "stopped", "failed") or not leftovers.is_held(self.home):
            raise Trouble("The platform was stopped while the demonstration ran; type hamkke demo to begin a new one.")
        return found

    def processes(self) -> list[dict[str, Any]]:
        """The rows of platform.json."""
        rows: list[dict[str, Any]] = self.report()["processes"]
        return rows

    def url(self, service: str) -> str:
        """Where a service answers."""
        for row in self.processes():
            if row["name"] == service:
                return str(row["url"])
        raise Trouble(
            f"The platform that runs here has no service {service}; stop it with hamkke down, then type hamkke demo."
        )


@asynccontextmanager
async def a_place(home: Home, *, port: int, split: bool, kafka: bool, store: str | None) -> AsyncIterator[Place]:
    """The platform that runs from this home, or one of its own, stopped at the end. Raises Trouble."""
    if leftovers.is_held(home):
        report = leftovers.report(home) or {}
        if report.get("state") != "ready":
            raise Trouble("Hamkke is just being started or stopped by another command; try again in a moment.")
        yield Place(home, False, settings_of(report))
        return
    async with Platform(home.root, port=port, split=split, kafka=kafka, store=store) as platform:
        yield Place(home, True, settings_of(platform.describe()))


def pool_folder(home: Home) -> Path:
    """Where the invented pool is written to."""
    return home.root / "demo" / "pool"
