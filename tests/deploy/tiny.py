"""Hosts services that can only say how they are: the launcher's tests need nothing else. `python -m tests.deploy.tiny NAME…`"""

import asyncio
import os
import sys
import time

import uvloop
from fastapi import FastAPI

from deploy.local.serve import serve
from shared.settings import load_settings


def create(name: str) -> FastAPI:
    app = FastAPI(title=name)

    @app.get("/health/ready")
    @app.get("/health/live")
    async def ready() -> dict[str, str]:
        return {"status": "ready", "service": name, "store": os.environ["HAMKKE_STORE_URI"]}

    begun = asyncio.Event()

    @app.get("/slow")
    async def slow() -> str:
        begun.set()
        await asyncio.sleep(1)
        return "done"

    @app.get("/slow/begun")
    async def slow_has_begun() -> bool:
        return begun.is_set()

    return app


def main() -> int:
    if os.environ.get("TINY_FAILS"):
        sys.exit("I will not start today.")
    if os.environ.get("TINY_IS_LATE"):
        time.sleep(60)
    settings = load_settings()
    apps = {name: create(name) for name in sys.argv[1:]}
    return 0 if uvloop.run(serve(apps, settings.ports, settings.host)) else 1


if __name__ == "__main__":
    sys.exit(main())
