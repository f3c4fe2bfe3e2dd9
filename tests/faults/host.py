"""Hosts services as `deploy.local.serve` does; on SIGUSR1 it writes to its log where each of its tasks waits.

So a process that hangs when it is quiet can say why before it is stopped.
"""

import asyncio
import signal
import sys
import traceback
from typing import Any

from deploy.local import serve


def tell(*_: object) -> None:
    """Every task's stack, through the coroutines it awaits."""
    for task in asyncio.all_tasks():
        sys.stderr.write(f"task {task.get_name()}\n{''.join(_stack(task.get_coro()))}\n")
    sys.stderr.flush()


def _stack(waits: Any) -> list[str]:
    found: list[str] = []
    while waits is not None:
        frame = next((f for f in (getattr(waits, n, None) for n in ("cr_frame", "gi_frame", "ag_frame")) if f), None)
        if frame is not None:
            found += traceback.format_list(traceback.StackSummary.extract([(frame, frame.f_lineno)], limit=1))
        else:
            found.append(f"  {waits!r}\n")
        waits = next(
            (w for w in (getattr(waits, n, None) for n in ("cr_await", "gi_yieldfrom", "ag_await")) if w), None
        )
    return found


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, tell)
    sys.exit(serve.main(sys.argv[1:]))
