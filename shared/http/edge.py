"""The edge of a service: finds the route, hands the request over, and turns every exception into a problem. One try."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.asked import Asked, ClientGone
from shared.http.endpoints import Route
from shared.http.problems import Away, Broken, HttpProblem, MethodNotAllowed, NoSuchPath, problem, refusal_of
from shared.runtime import Runtime
from shared.telemetry import metrics, trace
from shared.telemetry.logs import RequestLog

NOWHERE = "(none)"  # the route of requests that fit none: their paths are the client's own words
SILENT = frozenset({"/health/live", "/health/ready", "/metrics"})


class Edge:
    """ASGI for requests: our routes by their handlers, whatever else the application has (documents) by the application itself."""

    def __init__(self, runtime: Runtime, routes: Iterable[BaseRoute], otherwise: ASGIApp) -> None:
        self.runtime, self._otherwise = runtime, otherwise
        self._all = list(routes)
        self._ours = [
            (route.path_regex, frozenset(route.methods or ()), route) for route in self._all if isinstance(route, Route)
        ]
        self._log = RequestLog(runtime.service, runtime.settings.log_requests)
        self._logger = structlog.get_logger("hamkke.requests")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        asked = Asked(scope, receive, self.runtime, trace.continued(_header(scope, b"traceparent")))
        token = trace.current.set(asked.trace)
        try:
            answer = await self._answer(asked)
            if answer is not None:
                await answer(scope, receive, send)
                self._tell(scope, answer.status_code, time.perf_counter() - started, asked.trace)
        finally:
            trace.current.reset(token)

    async def _answer(self, asked: Asked) -> Response | None:
        try:
            route = self._route(asked.scope)
            return await route.answer(asked)
        except ClientGone:
            return None
        except _Elsewhere as found:
            return found.app
        except asyncio.CancelledError:  # the process stops and has waited long enough: the outcome stays unknown
            return problem(Away(), asked.lenient_head(b"accept-language"))
        except Exception as error:
            if isinstance(error, HTTPException):
                error = NoSuchPath() if error.status_code == 404 else _Other(error.status_code)
            refusal = refusal_of(error, trace.trace_id(asked.trace))
            if isinstance(refusal, Broken):
                self._logger.error("request failed", route=_template(asked.scope), exc_info=error)
            elif isinstance(refusal, Away):
                self._logger.warning("request turned away", route=_template(asked.scope), because=type(error).__name__)
            return problem(refusal, asked.lenient_head(b"accept-language"))

    def close(self) -> None:
        """Write the request lines that are still gathered."""
        self._log.flush()

    def _route(self, scope: Scope) -> Route:
        path, method = scope["path"], scope["method"]
        allowed: set[str] = set()
        for form, methods, route in self._ours:
            if (found := form.match(path)) is None:
                continue
            if method in methods:
                scope["route"], scope["path_params"] = route, found.groupdict()
                return route
            allowed |= methods
        for other in self._all:
            if not isinstance(other, Route) and other.matches(scope)[0] is Match.FULL:
                scope["route"] = other
                raise _Elsewhere(self._otherwise)
        if allowed:
            raise MethodNotAllowed(", ".join(sorted(allowed)))
        raise NoSuchPath

    def _tell(self, scope: Scope, status: int, seconds: float, traceparent: str) -> None:
        template, method = _template(scope), scope["method"]
        if template in SILENT:
            return
        method = method if method in ("GET", "POST", "PUT", "PATCH", "DELETE") else "OTHER"
        metrics.request(self.runtime.service, method, template, status, seconds)
        route = scope.get("route")
        if isinstance(route, Route) and route.plan.commanding is not None:
            metrics.command(self.runtime.service, route.command_name, status)
        self._log(method, template, status, seconds, trace.trace_id(traceparent))


class _Elsewhere(Exception):
    """The application itself answers this one."""

    def __init__(self, app: Any) -> None:
        self.app = _Through(app)


class _Through(Response):
    """Lets the application answer, looking at the status only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app, self.status_code = app, 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


class _Other(HttpProblem):
    """A status that the framework itself came up with."""

    code = "http"

    def __init__(self, status: int) -> None:
        super().__init__()
        self.status = status  # type: ignore[misc]


def _header(scope: Scope, name: bytes) -> str | None:
    found = [value for header, value in scope["headers"] if header == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


def _template(scope: Scope) -> str:
    route = scope.get("route")
    return str(getattr(route, "path", NOWHERE))
