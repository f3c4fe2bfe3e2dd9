"""The demonstration from end to end, while services are killed: whoever was told yes is there, once, in order."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local import leftovers, starting
from deploy.local.home import PROJECT, Home
from tests.cli.conftest import free_base, run_in

Demo = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of this test's own, in which nothing may be left running."""
    mine = Home(tmp_path)
    yield mine
    assert not leftovers.find(mine)


@pytest.fixture
def demo(home: Home) -> Iterator[Demo]:
    """Starts `hamkke demo --exit …` in the background."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: object) -> "subprocess.Popen[str]":
        command = [
            Path(sys.executable).with_name("hamkke"),
            "demo",
            "--exit",
            "--port",
            str(free_base()),
            *map(str, words),
        ]
        started.append(
            subprocess.Popen(
                command, cwd=PROJECT, env={**os.environ, "HAMKKE_HOME": str(home.root)},
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )
        )  # fmt: skip
        return started[0]

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def process_of(home: Home, name: str) -> dict[str, Any]:
    """The row of platform.json, once the process is ready."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for row in (leftovers.report(home) or {}).get("processes", []):
            if row["name"] == name and row["state"] == "ready":
                return dict(row)
        time.sleep(0.05)
    raise AssertionError(f"{name} is not ready")


def until_said(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stdout
    for line in process.stdout:
        if words in line:
            return
    raise AssertionError(f"it ended without saying {words!r}")


def test_sixty_volunteers_apply_while_services_are_killed(home: Home, demo: Demo) -> None:
    process = demo("--volunteers", 60, "--rate", 15)
    until_said(process, "is open: call")
    time.sleep(0.5)
    for name in ("recruitment", "notifications"):
        os.kill(process_of(home, name)["pid"], signal.SIGKILL)
    said, _ = process.communicate(timeout=180)
    assert process.returncode == 0, said
    report = json.loads((home.root / "demo" / "report.json").read_text())
    wanted = {"pool": 60, "applied": 60, "withdrawn": 2, "lost": 0, "duplicate_effects": 0, "order_violations": 0}
    assert wanted.items() <= report.items()
    assert report["retries"] > 0
    assert report["restarts"] >= 2
    assert isinstance(report["seconds"], int)
    assert report["findings"] == []
    assert "Every application that was confirmed is in the log" in said


def test_a_second_demonstration_opens_a_new_call_and_the_first_stays(home: Home, demo: Demo) -> None:
    base = free_base()
    first = run_in(home, "demo", "--volunteers", 5, "--port", base)
    assert first.returncode == 0, first.stdout + first.stderr
    call = json.loads((home.root / "demo" / "report.json").read_text())["call_id"]
    pool = home.root / "demo" / "pool"
    second = run_in(home, "demo", "--pool", pool, "--seats", 50, "--port", base)
    assert second.returncode == 0, second.stdout + second.stderr
    report = json.loads((home.root / "demo" / "report.json").read_text())
    assert (report["pool"], report["applied"], report["lost"]) == (5, 5, 0)
    assert report["call_id"] != call


def test_told_to_stop_it_ends_soon_and_leaves_nothing_running(home: Home, demo: Demo) -> None:
    process = demo("--volunteers", 60, "--rate", 1)
    until_said(process, "is open: call")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Stopped before the end" in said


def test_on_a_platform_that_is_stopped_meanwhile_it_says_so_and_ends(home: Home, demo: Demo) -> None:
    for _ in starting.up(home, ["--port", str(free_base())]):
        pass
    try:
        process = demo("--volunteers", 60, "--rate", 1)
        until_said(process, "is open: call")
    finally:
        starting.down(home)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.strip().splitlines()[-1].startswith("The platform was stopped while the demonstration ran")


def test_a_bad_pool_is_one_sentence_and_nothing_is_started(home: Home, tmp_path: Path) -> None:
    (tmp_path / "features.csv").write_text("feature,value,min,max\nsex,female,1,2\n")
    (tmp_path / "respondents.csv").write_text("id,sex\nA,other\n")
    done = run_in(home, "demo", "--pool", tmp_path)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.strip().endswith(
        "respondents.csv, row 2, column sex: 'other' is unknown; the quotas have female."
    )
    assert leftovers.report(home) is None
