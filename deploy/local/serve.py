"""One process that hosts services: `python -m deploy.local.serve recruitment notifications`. One loop, one uvicorn server each.

A service is `services.<name>.app:create() -> FastAPI`; its port is in HAMKKE_PORTS. SIGTERM and SIGINT let running requests
end for up to 4 seconds. The exit code is 1 when a service could not start, else 0.
"""

import asyncio
import contextlib
import gc
import importlib
import signal
import sys
from collections.abc import Iterator, Sequence

import uvicorn
import uvloop
from fastapi import FastAPI

from shared.settings import SettingsError, load_settings

GRACE = 4


class Server(uvicorn.Server):
    """A server among others: the process, not each server, listens to signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def load(name: str) -> FastAPI:
    """The app of a service. Raises SettingsError where there is no such service."""
    try:
        module = importlib.import_module(f"services.{name}.app")
    except ModuleNotFoundError as error:
        if error.name and not f"services.{name}.app".startswith(error.name):
            raise
        raise SettingsError(f"There is no service {name!r}: services/{name}/app.py is missing.") from None
    app: FastAPI = module.create()
    return app


async def serve(apps: dict[str, FastAPI], ports: dict[str, int], host: str) -> bool:
    """Serve each app on its port until a signal; whether all of them started. The first that ends takes the rest with it."""
    servers = [
        Server(
            uvicorn.Config(
                app, host=host, port=ports[name], loop="none", http="httptools", ws="none", lifespan="on", access_log=False,
                log_config=None, log_level="warning", timeout_graceful_shutdown=GRACE, server_header=False,
            )
        )
        for name, app in apps.items()
    ]  # fmt: skip

    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    running = [asyncio.create_task(_serve(server)) for server in servers]
    await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    stop()
    await asyncio.gather(*running)
    return all(server.started for server in servers)


async def _serve(server: Server) -> None:
    try:
        await server.serve()
    except SystemExit:  # uvicorn's way to say that the port is taken; it has logged why
        server.started = False


def main(names: Sequence[str]) -> int:
    """Host the named services; the exit code."""
    try:
        settings = load_settings()
        missing = [name for name in names if name not in settings.ports]
        if missing or not names:
            raise SettingsError(f"HAMKKE_PORTS names no port for {', '.join(missing) or 'any service'}; add name=port.")
        apps = {name: load(name) for name in names}
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    _spare_the_collector()
    return 0 if uvloop.run(serve(apps, settings.ports, settings.host)) else 1


def _spare_the_collector() -> None:
    """What was loaded stays; what requests leave behind has no cycles worth looking for after every 700 objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
