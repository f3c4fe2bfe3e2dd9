"""How long `up` takes until all is ready, and what all processes hold in memory after a demonstration."""

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

from deploy.local.home import PROJECT
from deploy.local.ports import is_free
from deploy.local.trouble import Trouble
from tests.bench.bench import Bench
from tests.bench.report import Row, at_most

BASES = range(20_000, 30_000, 20)
"""Below the ports that systems hand out to clients."""


async def started(bench: Bench) -> list[Row]:
    """Two rows."""
    seconds, megabytes = [], []
    for _ in range(bench.rounds):
        with tempfile.TemporaryDirectory(prefix="hamkke-bench-") as folder:
            began = time.perf_counter()
            await _hamkke(folder, "up", "--port", str(_base()), "--store", bench.store)
            seconds.append(time.perf_counter() - began)
            await _hamkke(folder, "down")
        with tempfile.TemporaryDirectory(prefix="hamkke-bench-") as folder:
            some = ["--volunteers", str(bench.size(2_000)), "--store", bench.store, "--port", str(_base())]
            await _hamkke(folder, "demo", "--exit", *some)
            report = json.loads((Path(folder) / "demo" / "report.json").read_text())
            megabytes.append(float(report["memory_mb"]))
        bench.step()
    return [
        at_most(bench.name("up_until_ready"), "s", seconds, 10.0),
        at_most(bench.name("memory_after_demo"), "MB", megabytes, 700.0, worst=True),
    ]


def _base() -> int:
    """A base port with nobody on the ports above it."""
    return next(
        base for base in random.sample(BASES, len(BASES)) if all(is_free(port) for port in range(base, base + 20))
    )


async def _hamkke(home: str, *words: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", "from deploy.cli.main import app; app()", *words,
        cwd=PROJECT, env={**os.environ, "HAMKKE_HOME": home},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    if process.returncode:
        raise Trouble(f"hamkke {words[0]}: {said.decode()[-1500:]}")
