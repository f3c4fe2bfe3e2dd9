"""Node with the official parsers, where there is a Node."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "node"
MODULES = Path(__file__).parents[2] / "var" / "node"


@pytest.fixture(scope="session")
def node() -> Callable[[str, Any], Any]:
    """Run one of the scripts of `node/` on a JSON value; its JSON answer. The packages are fetched once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node and npm: install Node 18 or newer to hold the contracts against the official parsers")
    _fetch()

    def run(script: str, value: Any) -> Any:
        environment = os.environ | {"NODE_PATH": str(MODULES / "node_modules"), "NODE_NO_WARNINGS": "1"}
        done = subprocess.run(
            ["node", str(HERE / script)],
            input=json.dumps(value),
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def _fetch() -> None:
    wanted = (HERE / "package.json").read_text()
    have = MODULES / "package.json"
    if have.exists() and have.read_text() == wanted:
        return
    fresh = MODULES.with_name(f"node.{os.getpid()}")
    fresh.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "package.json", fresh)
    fetch = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"]
    done = subprocess.run(fetch, cwd=fresh, capture_output=True, text=True, timeout=240, check=False)
    if done.returncode != 0:
        shutil.rmtree(fresh, ignore_errors=True)
        pytest.skip(f"npm could not fetch the official parsers: {done.stderr.strip()[-300:]}")
    shutil.rmtree(MODULES, ignore_errors=True)
    try:
        fresh.rename(MODULES)
    except OSError:  # another test process was first
        shutil.rmtree(fresh, ignore_errors=True)
