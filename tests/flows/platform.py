"""All services in this process, over their own store and broker, asked over HTTP as clients ask."""

import asyncio
import importlib
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TypeVar

import httpx

from deploy.local.services import SERVICES
from shared.http.keys import make_keys
from shared.http.roles import Role
from shared.service import Service
from shared.settings import Settings, load_settings
from tests.flows.client import Client

T = TypeVar("T")
PATIENCE = 30.0


def settings_for(home: Path, store_uri: str, broker: list[str]) -> Settings:
    """Settings of an installation of its own."""
    make_keys(home / "keys")
    return load_settings(
        {},
        home=home,
        store_uri=store_uri,
        broker=broker,
        database_prefix=f"t{secrets.token_hex(5)}_",
        lease_seconds=3.0,
        log_requests=False,
    )


@asynccontextmanager
async def running(app: Service) -> AsyncIterator[httpx.AsyncClient]:
    """The service, started, and a client of it; stopped at the end."""
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=f"http://{app.runtime.service}") as http,
    ):
        yield http


class Platform:
    """All services, each a client under its own name, and people who use them."""

    recruitment: httpx.AsyncClient
    notifications: httpx.AsyncClient

    def __init__(self, settings: Settings, apps: list[Service], https: list[httpx.AsyncClient]) -> None:
        self.settings = settings
        self.apps, self._https = apps, https
        for app, http in zip(apps, https, strict=True):
            setattr(self, app.runtime.service, http)

    def operator(self) -> Client:
        return Client(self.recruitment, self.settings, Role.PROGRAM_OPERATOR)

    def citizen(self) -> Client:
        return Client(self.recruitment, self.settings, Role.CITIZEN)

    def visitor(self) -> Client:
        return Client(self.recruitment, self.settings)

    async def inbox(self, person: Client, after: str | None = None) -> list[dict[str, str]]:
        """What the person reads."""
        answer = await person.at(self.notifications).get("/inbox", after=after)
        assert answer.status_code == 200, answer.text
        items: list[dict[str, str]] = answer.json()["items"]
        return items

    async def ready(self) -> None:
        """Wait until all say so."""
        for http in self._https:
            await eventually(lambda http=http: http.get("/health/ready"), lambda answer: answer.status_code == 200)


@asynccontextmanager
async def a_platform(home: Path, store_uri: str, broker: list[str]) -> AsyncIterator[Platform]:
    """A platform on this store and broker, whether they are there or not."""
    settings = settings_for(home, store_uri, broker)
    apps = [importlib.import_module(f"services.{name}.app").create(settings) for name in SERVICES]
    async with AsyncExitStack() as stack:
        https = [await stack.enter_async_context(running(app)) for app in apps]
        yield Platform(settings, apps, https)


async def eventually(look: Callable[[], Awaitable[T]], good: Callable[[T], bool], patience: float = PATIENCE) -> T:
    """Look until it is good; what was seen last is in the failure."""
    until = time.monotonic() + patience
    while not good(seen := await look()):
        assert time.monotonic() < until, f"not within {patience} s; last seen: {seen!r} {getattr(seen, 'text', '')}"
        await asyncio.sleep(0.05)
    return seen
