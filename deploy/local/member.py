"""A place in the platform that a process fills: the store, the broker, or a process that hosts services."""

import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.process import Child, Launch

FIRST_PAUSE, LONGEST_PAUSE, WELL_AFTER = 0.1, 5.0, 10.0
"""Seconds: before the first restart, at most, and the life after which a death counts as the first again."""


@dataclass
class Member:
    """One place. `endpoints` are the names and ports that it answers at."""

    name: str
    endpoints: dict[str, int]
    launch: Callable[[], Launch]
    ready: Callable[[], Awaitable[bool]]
    """Whether it can do its work now; asked again and again."""
    serves: bool = False
    """Whether it hosts services (answers HTTP)."""
    state: str = "waiting"
    restarts: int = 0
    wanted: bool = False
    paused: bool = False
    child: Child | None = None
    _pause: float = field(default=FIRST_PAUSE, repr=False)

    def spawn(self, run: Path, logs: Path) -> None:
        """Start a process in this place."""
        self.child, self.paused = Child(self.launch(), run, self.log(logs)), False

    def log(self, logs: Path) -> Path:
        return logs / f"{self.name}.log"

    def last_words(self, logs: Path, lines: int = 5) -> str:
        """The end of its log."""
        log = self.log(logs)
        text = log.read_text(errors="replace").strip() if log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    @property
    def alive(self) -> bool:
        return self.child is not None and self.child.alive

    def signal(self, number: int) -> None:
        """Send a signal to the process, if there is one."""
        if self.child:
            self.child.signal(number)
            self.paused = number == signal.SIGSTOP or (self.paused and number != signal.SIGCONT)

    def next_pause(self) -> float:
        """Seconds to wait before the next restart: doubling, and short again after a long life."""
        if self.child and time.time() - self.child.started > WELL_AFTER:
            self._pause = FIRST_PAUSE
        pause, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        return pause

    def rows(self) -> list[dict[str, Any]]:
        """Its lines of platform.json, one for each endpoint."""
        pid = self.child.pid if self.child and self.child.alive else None
        shared = {"process": self.name, "pid": pid, "state": self.state, "restarts": self.restarts}
        scheme = "http" if self.serves else "mongodb" if self.name == "store" else "kafka"
        return [
            {
                "name": name,
                **shared,
                "port": port,
                "url": f"{scheme}://127.0.0.1:{port}",
                "started": self.child.started if self.child else None,
            }
            for name, port in self.endpoints.items()
        ]
