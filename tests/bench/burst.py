"""One burst in a process of its own: `python -m tests.bench.burst MODULE:FUNCTION`, arguments and result as JSON lines.

So nothing of a baseline's is warm for a candidate, nor the other way round.
"""

import asyncio
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvloop

from tests.bench.report import Sample

PROJECT = Path(__file__).parents[2]


class BurstFailed(Exception):
    """A burst ended without a result. The message is the end of what it said."""


async def burst(function: str, arguments: Mapping[str, Any], patience: float = 600.0) -> dict[str, Any]:
    """Run `function` ("module:name" under tests.bench) in a fresh process; its result."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.burst", function, cwd=PROJECT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        limit=1 << 26,
    )  # fmt: skip
    try:
        async with asyncio.timeout(patience):
            out, err = await process.communicate(json.dumps(arguments).encode())
    except BaseException:
        process.kill()
        raise
    if process.returncode:
        raise BurstFailed(f"{function}: {err.decode()[-3000:]}")
    result: dict[str, Any] = json.loads(out)
    return result


def rate(result: Mapping[str, Any]) -> Sample:
    """Items per second, with CPU microseconds per item."""
    items = result["items"]
    return Sample(items / result["seconds"], {name: spent / items * 1e6 for name, spent in result["cpu"].items()})


def main() -> None:
    """Run the function that the command line names."""
    module, _, name = sys.argv[1].partition(":")
    function = getattr(importlib.import_module(f"tests.bench.{module}"), name)
    result = uvloop.run(function(**json.loads(sys.stdin.read())))
    sys.stdout.write(json.dumps(result))


if __name__ == "__main__":
    main()
