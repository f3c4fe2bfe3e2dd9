"""Run many schedules on all cores, and explain the first that fails.

python -m tests.simulation.run --schedules 20000 --seed 1
python -m tests.simulation.run --replay 1.4711
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

ROOT = Path(__file__).parents[2]
WORKERS = 2


@dataclass
class Outcome:
    """How many schedules held, and the seeds that did not with what was wrong."""

    done: int = 0
    seconds: float = 0.0
    failed: dict[str, list[str]] = field(default_factory=dict)


def environment() -> dict[str, str]:
    """Same seed, same run: sets of strings are walked in a fixed order."""
    return {**os.environ, "PYTHONHASHSEED": "0"}


def schedules(
    count: int, base: str, workers: int = WORKERS, mutant: str = "", told: Any = lambda done: None
) -> Outcome:
    """Run schedules `<base>.0` … in worker processes; each stops at its first failure."""
    started, outcome = time.monotonic(), Outcome()
    lines: Queue[tuple[int, dict[str, Any] | None]] = Queue()
    running = [_start(base, number, workers, count, mutant) for number in range(workers)]
    threads = [threading.Thread(target=_listen, args=(n, w, lines), daemon=True) for n, w in enumerate(running)]
    for thread in threads:
        thread.start()
    done, ended = [0] * workers, 0
    try:
        while ended < workers:
            number, said = lines.get()
            if said is None:
                ended += 1
            elif "done" in said:
                done[number] = said["done"]
                told(sum(done))
            else:
                outcome.failed[said["seed"]] = said["found"]
                for other in running:
                    other.terminate()
    finally:
        for worker in running:
            worker.terminate()
            worker.wait()
            with contextlib.suppress(OSError):
                worker.stdout.close()  # type: ignore[union-attr]
    outcome.done, outcome.seconds = sum(done), time.monotonic() - started
    if not outcome.failed and any(worker.returncode for worker in running):
        raise RuntimeError("a worker broke down: run one alone with python -m tests.simulation.worker")
    return outcome


def _start(base: str, number: int, step: int, count: int, mutant: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.simulation.worker", base, str(number), str(step), str(count), mutant]
    return subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True)


def _listen(number: int, worker: "subprocess.Popen[str]", lines: "Queue[tuple[int, dict[str, Any] | None]]") -> None:
    assert worker.stdout is not None
    for line in worker.stdout:
        lines.put((number, json.loads(line)))
    worker.wait()
    lines.put((number, None))


def explain(seed: str, mutant: str = "") -> str:
    """The seed's shortest failing schedule, in words."""
    command = [sys.executable, "-m", "tests.simulation.shrink", seed, mutant]
    return subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False).stdout


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.run", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--schedules", type=int, default=1_000_000, help="how many (1,000,000)")
    parser.add_argument("--seed", default="1", help="another one, other schedules (1)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or WORKERS, help="processes (one a core)")
    parser.add_argument("--replay", metavar="SEED", help="run one schedule again and shrink it if it fails")
    parser.add_argument("--mutant", default="", help="with one rule of the protocol switched off")
    asked = parser.parse_args()
    console = Console()
    if asked.replay:
        told = explain(asked.replay, asked.mutant)
        console.print(told, markup=False, highlight=False)
        return 0 if told.rstrip().endswith("holds") else 1
    columns = (TextColumn("schedules"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=asked.schedules)
        outcome = schedules(
            asked.schedules, asked.seed, asked.workers, asked.mutant, lambda done: progress.update(bar, completed=done)
        )
    if not outcome.failed:
        console.print(f"{outcome.done:,} schedules hold ({outcome.seconds:.0f} s, seed {asked.seed}).")
        return 0
    for seed in outcome.failed:
        console.print(explain(seed, asked.mutant), markup=False, highlight=False)
        mutant = f" --mutant {asked.mutant}" if asked.mutant else ""
        console.print(f"Again: python -m tests.simulation.run --replay {seed}{mutant}", markup=False)
    return 1


if __name__ == "__main__":
    sys.exit(main())
