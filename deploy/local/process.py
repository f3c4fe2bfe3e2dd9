"""One child process: started so that it dies with us, stopped gently, then for certain."""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.home import PROJECT

MARK = "HAMKKE_RUN_DIR"
"""In every child's environment: the run folder it belongs to. That is how leftovers of a killed run are recognised."""

LOOK = 0.02
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Launch:
    """How to start a process once."""

    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    patience: float = 5.0
    """Seconds between SIGTERM and SIGKILL."""


class Child:
    """A running process. Start it from a thread that lives as long as the child shall: Linux ends it with that thread."""

    def __init__(self, launch: Launch, run: Path, log: Path) -> None:
        parent = os.getpid()
        env = {**os.environ, **launch.env, MARK: str(run)}
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                launch.command, env=env, cwd=PROJECT, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=lambda: _die_with(parent),
            )  # fmt: skip
        self.launch, self.pid, self.started = launch, self._process.pid, time.time()

    @property
    def code(self) -> int | None:
        """Its exit code (negative: the signal that ended it), or None while it lives."""
        return self._process.poll()

    @property
    def alive(self) -> bool:
        return self.code is None

    def signal(self, number: int) -> None:
        """Send a signal, if it still lives."""
        if self.alive:
            self._process.send_signal(number)

    async def stop(self) -> None:
        """SIGTERM, wait as long as its patience, SIGKILL. Returns when it is gone."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        if not await self.gone(self.launch.patience):
            self.signal(signal.SIGKILL)
            await self.gone(5)

    async def gone(self, seconds: float) -> bool:
        """Wait for its end; whether it came in time."""
        until = time.monotonic() + seconds
        while self.alive and time.monotonic() < until:  # noqa: ASYNC110 (a child that ends tells no event)
            await asyncio.sleep(LOOK)
        return not self.alive


def _die_with(parent: int) -> None:
    """In the child, before the program starts: be killed when the parent is, and not outlive one that is gone already."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
