"""A stopwatch that also reads what each process spent: on a busy machine CPU per item says more than the wall."""

import time
from collections.abc import Mapping
from typing import Any, Self

import psutil


class Meter:
    """Between `with` and its end: wall seconds, and CPU seconds of the named processes (`burst` is this one)."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {"burst": psutil.Process()} | {name: psutil.Process(pid) for name, pid in pids.items()}
        self.seconds = 0.0
        self.cpu: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._before = {name: _spent(process) for name, process in self._processes.items()}
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began
        self.cpu = {name: _spent(process) - self._before[name] for name, process in self._processes.items()}

    def result(self, items: int) -> dict[str, Any]:
        """What a burst reports of `items` items done meanwhile."""
        return {"items": items, "seconds": self.seconds, "cpu": self.cpu}


def _spent(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system
