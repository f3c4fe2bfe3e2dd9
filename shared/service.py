"""A service: `create_service(name, …)` is its whole `app.py`. It listens at once and becomes ready by itself."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any, Literal

import structlog
from fastapi import APIRouter, FastAPI, Response
from pydantic import BaseModel, Field
from starlette.types import Receive, Scope, Send

from shared.http.answers import Answer
from shared.http.asked import Asked
from shared.http.docs import page
from shared.http.edge import Edge
from shared.http.endpoints import Router
from shared.http.openapi import document
from shared.runtime import Runtime
from shared.settings import Settings, load_settings
from shared.telemetry import metrics
from shared.telemetry.logs import setup_logs

POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # of the page for readers
Wiring = Callable[[Runtime], None]
"""Puts store, log and parts into a runtime, without I/O. Called when the service starts, in its own event loop."""


class Live(BaseModel):
    """The process runs."""

    live: Literal[True] = True


class Readiness(BaseModel):
    """Whether the service can do its work, and what is in the way, part by part."""

    service: str
    ready: bool
    parts: dict[str, str | None] = Field(description="Each part's trouble in plain words; null where it is ready.")


class Service(FastAPI):
    """FastAPI with our edge in front: one way in, one form of refusing."""

    runtime: Runtime

    @cached_property
    def edge(self) -> Edge:
        """Where requests come in; made when the first one comes, so all routes are known."""
        return Edge(self.runtime, self.router.routes, self.router)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["app"] = self
            await self.edge(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        return document(self)


def shell(
    name: str,
    *,
    routers: Sequence[APIRouter] = (),
    wiring: Wiring | None = None,
    settings: Settings | None = None,
    about: str = "",
    version: str = "1",
) -> Service:
    """A service's HTTP side and its lifespan. `wiring` fills the runtime when it starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if not structlog.is_configured():
            setup_logs(runtime.settings.log_level)
        if wiring is not None:
            wiring(runtime)
        await runtime.start()
        try:
            yield
        finally:
            await runtime.stop()
            service.edge.close()

    runtime = Runtime(name, settings or load_settings())
    service = Service(
        title=f"Hamkke {name}",
        description=about,
        version=version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    service.runtime = runtime
    service.state.runtime = runtime
    for router in (*routers, _standing()):
        service.router.routes.extend(router.routes)
    return service


def _standing() -> Router:
    router = Router()

    @router.get("/health/live", tags=["health"], summary="Is the process alive?")
    async def live() -> Live:
        return Live()

    @router.get(
        "/health/ready",
        tags=["health"],
        summary="Can it do its work?",
        responses={503: {"description": "Not ready; the reasons are in it.", "model": Readiness}},
    )
    async def ready(asked: Asked) -> Readiness:
        troubles = await asked.runtime.readiness()
        found = Readiness(service=asked.runtime.service, ready=not any(troubles.values()), parts=troubles)
        if found.ready:
            return found
        headers = {"content-type": "application/json", "cache-control": "no-store", "retry-after": "1"}
        return Answer(503, found.model_dump_json().encode(), headers)  # type: ignore[return-value]

    @router.get("/metrics", include_in_schema=False)
    async def scrape() -> Response:
        headers = {"content-type": "text/plain; version=0.0.4; charset=utf-8", "cache-control": "no-store"}
        return Answer(200, metrics.exposition(), headers)

    @router.get("/docs", include_in_schema=False)
    async def docs(asked: Asked) -> Response:
        headers = {"content-type": "text/html; charset=utf-8", "content-security-policy": POLICY}
        return Answer(200, page(asked.app.openapi()), headers)

    return router


class StorePart:
    """The store as a part of the service: away, or with another clock, the service is not ready."""

    name = "store"

    def __init__(self, runtime: Runtime, prepare: Callable[[], Awaitable[None]] | None = None) -> None:
        self._runtime, self._prepare = runtime, prepare

    async def start(self) -> None:
        """Make sure of what must be there (indexes) before anything is asked of it."""
        await self._runtime.store.clock_skew()
        if self._prepare is not None:
            await self._prepare()

    async def stop(self) -> None:
        await self._runtime.store.close()

    async def trouble(self) -> str | None:
        skew = await self._runtime.store.clock_skew()
        return f"this machine's clock is {skew:+.1f} s off the store's" if abs(skew) > MOST_SKEW else None


MOST_SKEW = 5.0  # seconds
