"""One run at a time, and nothing left of a killed one."""

import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import IO, Any

import psutil

from deploy.local.home import Home
from deploy.local.process import MARK
from deploy.local.trouble import Trouble


def take_lock(home: Home) -> IO[str]:
    """Hold this home for as long as the file stays open (the kernel lets go of it with our life). Raises Trouble."""
    home.make()
    lock = (home.run / "lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise Trouble(already_running(home)) from None
    return lock


def is_held(home: Home) -> bool:
    """Whether a platform runs from this home now."""
    if not (home.run / "lock").exists():
        return False
    try:
        take_lock(home).close()
    except Trouble:
        return True
    return False


def already_running(home: Home) -> str:
    """The sentence for a second `up`."""
    supervisor = (report(home) or {}).get("supervisor", {}).get("pid")
    who = f" (supervisor: process {supervisor})" if supervisor else ""
    return f"Hamkke is already running here{who}; type hamkke status to see it, hamkke down to stop it."


def report(home: Home) -> dict[str, Any] | None:
    """platform.json, or None where nothing was ever started."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        found: dict[str, Any] = json.loads(home.report.read_text())
        return found
    return None


def find(home: Home) -> list[psutil.Process]:
    """Processes of this home's earlier runs: those that carry its run folder in their environment, never ourselves."""
    ours, found = {os.getpid(), *(p.pid for p in psutil.Process().parents())}, []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # gone meanwhile, or another user's
            if process.pid not in ours and _belongs(process, home.run):
                found.append(process)
    return found


def clean(home: Home) -> int:
    """Kill what an earlier run left behind; how many processes. Hold the lock while doing so."""
    left = find(home)
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()  # psutil compares pid and start time first
    psutil.wait_procs(left, timeout=5)
    return len(left)


def _belongs(process: psutil.Process, run: Path) -> bool:
    return process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == str(run)
