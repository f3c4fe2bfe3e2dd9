"""`up` and `down` from outside: start the supervisor in the background, follow what it says, tell it to stop."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import psutil

from deploy.local import leftovers
from deploy.local.home import PROJECT, Home
from deploy.local.process import MARK
from deploy.local.trouble import Trouble

PATIENCE = 75.0
LOOK = 0.05


def up(home: Home, options: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Start; yields platform.json as it changes, the last time when all is ready. Raises Trouble; then nothing runs."""
    if leftovers.is_held(home):
        raise Trouble(leftovers.already_running(home))
    command = ["--home", str(home.root), *options]
    home.make()
    home.report.unlink(missing_ok=True)
    with (home.logs / "supervisor.log").open("wb") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "deploy.local.supervisor", *command],
            cwd=PROJECT, env={**os.environ, MARK: str(home.run)}, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        yield from _follow(home, supervisor)
    except BaseException:
        _end(supervisor)
        raise
    supervisor.returncode = 0  # it lives on, and is not ours to wait for


def _follow(home: Home, supervisor: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    until, last = time.monotonic() + PATIENCE, None
    while time.monotonic() < until:
        ended = supervisor.poll() is not None
        report = leftovers.report(home)
        if report and report != last:
            last = report
            yield report
        if report and report["state"] == "ready":
            return
        if ended:
            raise Trouble((report or {}).get("message") or _said(home))
        time.sleep(LOOK)
    raise Trouble(f"Hamkke was not ready after {PATIENCE:.0f} s and has been stopped; what was said is in {home.logs}.")


def down(home: Home) -> bool:
    """Stop what runs from this home, and what a killed run left; False when there was nothing."""
    pid = (leftovers.report(home) or {}).get("supervisor", {}).get("pid")
    if leftovers.is_held(home) and pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        until = time.monotonic() + 40
        while leftovers.is_held(home):
            if time.monotonic() > until:
                raise Trouble(
                    f"The supervisor (process {pid}) does not stop; end it with: kill -9 {pid}. Its children end with it."
                )
            time.sleep(LOOK)
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).wait(5)  # it has let go of everything, and is about to end
        return True
    if leftovers.is_held(home):
        raise Trouble("Hamkke is just being started by another command; try again in a moment.")
    with contextlib.closing(leftovers.take_lock(home)):
        return leftovers.clean(home) > 0


def memory(pids: set[int]) -> int:
    """Resident bytes of these processes together."""
    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total


def _end(supervisor: "subprocess.Popen[bytes]") -> None:
    if supervisor.poll() is None:
        supervisor.terminate()
        try:
            supervisor.wait(30)
        except subprocess.TimeoutExpired:
            supervisor.kill()
            supervisor.wait()


def _said(home: Home) -> str:
    log = (home.logs / "supervisor.log").read_text(errors="replace").strip()
    return log.splitlines()[-1] if log else "The launcher ended without a word."
