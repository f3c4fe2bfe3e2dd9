"""The services as a process of their own, on real ports: what `hamkke up` runs, without its supervisor."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from shared.settings import Settings
from tests.support.servers import free_port


@contextmanager
def served(settings: Settings, log: Path) -> Iterator[dict[str, str]]:
    """Serve both services with these settings; their URLs by name. Ends the process at the end."""
    ports = {name: free_port() for name in ("recruitment", "notifications")}
    environment = os.environ | {
        "HAMKKE_HOME": str(settings.home),
        "HAMKKE_STORE_URI": settings.store_uri,
        "HAMKKE_BROKER": ",".join(settings.broker),
        "HAMKKE_DATABASE_PREFIX": settings.database_prefix,
        "HAMKKE_PORTS": ",".join(f"{name}={port}" for name, port in ports.items()),
        "HAMKKE_LOG_REQUESTS": "true",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.serve", *ports], env=environment, stdout=out, stderr=out
        )
    try:
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        for url in urls.values():
            _until_ready(url, process, log)
        yield urls
    finally:
        process.terminate()
        process.wait(30)


def _until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path, patience: float = 30.0) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass  # not listening yet
        time.sleep(0.1)
    raise AssertionError(f"{url} did not become ready: {log.read_text()[-2000:]}")
