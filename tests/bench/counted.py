"""The services, with what their requests ask of the store counted: by PyMongo's command monitoring, in their process.

What follower and consumers do is not counted: a request's tasks carry a mark. GET /bench/counts answers and forgets.
"""

import sys
from collections import Counter
from contextvars import ContextVar
from typing import Any

import orjson
import uvloop
from pymongo import monitoring
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from deploy.local.serve import load, serve
from shared.settings import load_settings

asking: ContextVar[bool] = ContextVar("asking", default=False)


class Operations(monitoring.CommandListener):
    """Counts operations, and the documents they insert."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if asking.get():
            self.counts["operations"] += 1
            self.counts["documents"] += len(event.command.get("documents", ()))
            self.counts[f"{event.command_name} {event.command.get(event.command_name)}"] += 1

    def succeeded(self, event: Any) -> None:
        pass

    def failed(self, event: Any) -> None:
        pass


class Counted:
    """A service whose requests are marked."""

    def __init__(self, app: ASGIApp, operations: Operations) -> None:
        self._app, self._operations = app, operations

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/bench/counts":
            counts, self._operations.counts = self._operations.counts, Counter()
            await Response(orjson.dumps(dict(counts)), media_type="application/json")(scope, receive, send)
            return
        mark = asking.set(scope["type"] == "http" and not scope["path"].startswith("/health"))
        try:
            await self._app(scope, receive, send)
        finally:
            asking.reset(mark)


def main(names: list[str]) -> int:
    """As `deploy.local.serve`."""
    operations = Operations()
    monitoring.register(operations)
    settings = load_settings()
    apps: Any = {name: Counted(load(name), operations) for name in names}
    return 0 if uvloop.run(serve(apps, settings.ports, settings.host)) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
