"""Jobs that live and die together.

A cancellation can get lost: up to Python 3.11 `asyncio.wait_for`, which the drivers use, swallows one that comes at
the moment its inner call ends. A TaskGroup cancels once and would then wait for ever; here it is said again.
"""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

PATIENCE = 2.0  # seconds a job has to end before it is told again


async def together(*jobs: Coroutine[Any, Any, None]) -> None:
    """Run the jobs until the first ends or fails, or we are cancelled; then end the others. Raises what it raised."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    for task in done:
        task.result()


async def end(tasks: Sequence["asyncio.Future[Any]"]) -> None:
    """Cancel the tasks until all of them have ended. What they raise stays with them."""
    cancelled: asyncio.CancelledError | None = None
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        try:
            await asyncio.wait(pending, timeout=PATIENCE)
        except asyncio.CancelledError as again:
            cancelled = again
    for task in tasks:
        if not task.cancelled():
            task.exception()  # seen
    if cancelled is not None:
        raise cancelled
