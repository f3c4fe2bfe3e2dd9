"""A whole platform for the verbs to work on, with a call and some applications, and the command line itself."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local import leftovers, starting
from deploy.local.home import PROJECT, Home
from deploy.local.ports import is_free
from tests.support.servers import missing_tools

Hamkke = Callable[..., subprocess.CompletedProcess[str]]


def run_in(home: Home, *words: object, patience: float = 120, **env: str) -> subprocess.CompletedProcess[str]:
    """`hamkke …` in this home, without a terminal."""
    return subprocess.run(
        [Path(sys.executable).with_name("hamkke"), *map(str, words)],
        cwd=PROJECT, env={**os.environ, "COLUMNS": "200", "HAMKKE_HOME": str(home.root), **env},
        capture_output=True, text=True, timeout=patience, check=False,
    )  # fmt: skip


def free_base() -> int:
    """A base port with room above it."""
    while True:
        base = random.randrange(30_000, 32_000, 20)
        if all(is_free(base + offset) for offset in range(20)):
            return base


@pytest.fixture(scope="package")
def platform_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The home of a platform that is up, in which 40 volunteers have applied."""
    if reason := missing_tools():
        pytest.fail(reason)
    home = Home(tmp_path_factory.mktemp("home"))
    for _ in starting.up(home, ["--port", str(free_base())]):
        pass
    try:
        demo = run_in(home, "demo", "--volunteers", 40)
        assert demo.returncode == 0, demo.stdout + demo.stderr
        yield home
    finally:
        starting.down(home)
    assert not leftovers.find(home)


@pytest.fixture
def hamkke(platform_home: Home) -> Hamkke:
    """The command line where the platform is up."""
    return lambda *words, **env: run_in(platform_home, *words, **env)
