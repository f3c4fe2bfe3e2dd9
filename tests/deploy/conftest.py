"""Private homes and platforms whose services can only say how they are."""

import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.home import PROJECT, Home
from deploy.local.leftovers import find
from deploy.local.platform import Platform
from deploy.local.ports import is_free

TINY = "tests.deploy.tiny"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home of this test's own. Whatever the test does, no process of it may be left."""
    mine = Home(tmp_path / "home")
    yield mine
    left = find(mine)
    for process in left:
        with contextlib.suppress(Exception):
            process.kill()
    assert not left, f"left running: {[process.cmdline() for process in left]}"


@pytest.fixture
def platform(home: Home) -> Callable[..., Platform]:
    """A platform in this home, not started yet."""
    return lambda **options: Platform(home.root, hosted_by=TINY, **options)


@pytest.fixture
def port() -> int:
    """A base port with room above it."""
    while True:
        base = random.randrange(20_000, 30_000, 20)
        if all(is_free(base + offset) for offset in range(20)):
            return base


@pytest.fixture
def hamkke(home: Home) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line, in this home."""

    def run(*words: object, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("hamkke"), *map(str, words)],
            cwd=PROJECT, env={**os.environ, "HAMKKE_HOME": str(home.root), **env},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    return run
