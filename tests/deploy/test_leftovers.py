"""One run at a time, and nothing left of a killed one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from deploy.local import leftovers
from deploy.local.home import PROJECT, Home
from deploy.local.platform import Platform
from deploy.local.process import MARK
from deploy.local.services import SERVICES
from deploy.local.trouble import Trouble
from tests.deploy.conftest import TINY

Hamkke = Callable[..., subprocess.CompletedProcess[str]]


def test_up_status_up_again_and_down(hamkke: Hamkke, home: Home, port: int) -> None:
    up = hamkke("up", "--port", port, "--hosted-by", TINY)
    assert up.returncode == 0, up.stderr
    assert f"http://127.0.0.1:{port + 1}/docs" in up.stdout
    assert home.report.stat().st_mode & 0o077 == 0

    again = hamkke("up", "--port", port)
    assert (again.returncode, again.stdout) == (1, "")
    assert again.stderr.startswith("Hamkke is already running here (supervisor: process ")

    status = hamkke("status")
    assert status.returncode == 0
    assert status.stdout.count("ready") == 2 + len(SERVICES)

    assert hamkke("down").stdout == "Stopped.\n"
    assert hamkke("down").stdout == "Nothing was running.\n"
    gone = hamkke("status")
    assert (gone.returncode, gone.stdout) == (1, "Not running. Type hamkke up.\n")


def test_a_killed_supervisor_takes_everything_with_it(hamkke: Hamkke, home: Home, port: int) -> None:
    assert hamkke("up", "--split", "--port", port, "--hosted-by", TINY).returncode == 0
    report = leftovers.report(home)
    assert report is not None
    pids = {row["pid"] for row in report["processes"]}
    assert len(pids) == 2 + len(SERVICES)
    os.kill(report["supervisor"]["pid"], signal.SIGKILL)
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], timeout=5)
    assert not alive
    assert hamkke("status").stdout == "Not running: the last run was killed. Type hamkke up.\n"
    assert hamkke("up", "--port", port, "--hosted-by", TINY).returncode == 0
    assert hamkke("down").returncode == 0


def sleeper(**env: str) -> "subprocess.Popen[bytes]":
    """A process that only lives."""
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={**os.environ, **env})


async def test_leftovers_of_a_killed_run_are_ended_by_the_next(home: Home, platform: Callable[..., Platform]) -> None:
    home.make()
    left, stranger = sleeper(**{MARK: str(home.run)}), sleeper()
    try:
        async with platform(split=False):
            left.wait(5)
            assert stranger.poll() is None
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()


async def test_a_second_platform_in_one_home_is_refused_and_harms_nothing(platform: Callable[..., Platform]) -> None:
    async with platform(split=False) as first:
        with pytest.raises(Trouble, match="already running"):
            await platform(split=False).start()
        assert all(member.alive for member in first.members.values())


def test_ctrl_c_while_starting_leaves_nothing(home: Home, port: int) -> None:
    hamkke = os.path.join(os.path.dirname(sys.executable), "hamkke")
    up = subprocess.Popen(
        [hamkke, "up", "--port", str(port), "--hosted-by", TINY],
        cwd=PROJECT,
        env={**os.environ, "HAMKKE_HOME": str(home.root), "TINY_IS_LATE": "yes"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 60
    while not leftovers.find(home):
        assert time.monotonic() < until
        time.sleep(0.02)
    up.send_signal(signal.SIGINT)
    assert up.wait(60) != 0
    assert not leftovers.is_held(home)
    assert not leftovers.find(home)
