"""A deterministic event loop: virtual time, and processes that can be killed or stopped between any two steps.

Whatever runs belongs to the process in whose context it was started. Inside a process steps keep asyncio's order; what
decides between processes, and when anything arrives, are the seeded delays of store and broker. Same seed, same run.
"""

import asyncio
import heapq
import logging
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any

RUNNING: ContextVar["Process | None"] = ContextVar("process", default=None)


class Overrun(Exception):
    """More steps than a schedule may take: something spins."""


class Process:
    """What the operating system would call a process."""

    __slots__ = ("context", "dead", "kept", "loop", "name", "stopped", "tasks")

    def __init__(self, loop: "SimulatedLoop", name: str) -> None:
        self.loop, self.name = loop, name
        self.dead = self.stopped = False
        self.kept: list[Step] = []  # what came due while it was stopped
        self.tasks: list[asyncio.Task[Any]] = []  # referenced to the end: a killed process runs no `finally`
        self.context = copy_context()
        self.context.run(RUNNING.set, self)
        loop.processes.append(self)

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task in this process."""
        return self.loop.create_task(coroutine, context=self.context.copy())

    def kill(self) -> None:
        """SIGKILL: nothing of it runs any more."""
        self.dead = True
        self.kept.clear()

    def stop(self) -> None:
        """SIGSTOP."""
        self.stopped = True

    def go_on(self) -> None:
        """SIGCONT: all that came due happens now."""
        self.stopped = False
        self.loop.ready.extend(self.kept)
        self.kept.clear()


class Step:
    """A callback that is due; asyncio calls it a handle."""

    __slots__ = ("args", "callback", "context", "due", "process")

    def __init__(
        self, callback: Callable[..., Any], args: tuple[Any, ...], context: Context, process: Process | None, due: float
    ) -> None:
        self.callback: Callable[..., Any] | None = callback
        self.args, self.context, self.process, self.due = args, context, process, due

    def cancel(self) -> None:
        self.callback = None

    def cancelled(self) -> bool:
        return self.callback is None

    def when(self) -> float:
        return self.due


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs until what is asked for is done; time jumps to the next timer when nothing is ready."""

    def __init__(self, at_most: int = 2_000_000) -> None:
        self.now = 0.0
        self.steps = 0
        self.ready: deque[Step] = deque()
        self.processes: list[Process] = []
        self.failures: list[BaseException] = []
        self._timers: list[tuple[float, int, Step]] = []
        self._number = 0
        self._at_most = at_most
        self._over = False

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return not self._over

    def is_closed(self) -> bool:
        return self._over

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> Step:  # type: ignore[override]
        if context is None:
            context = copy_context()
        step = Step(callback, args, context, context.get(RUNNING), self.now)
        self.ready.append(step)
        return step

    def call_later(self, delay: float, callback: Any, *args: Any, context: Context | None = None) -> Step:  # type: ignore[override]
        return self.call_at(self.now + delay, callback, *args, context=context)

    def call_at(self, when: float, callback: Any, *args: Any, context: Context | None = None) -> Step:  # type: ignore[override]
        if context is None:
            context = copy_context()
        step = Step(callback, args, context, context.get(RUNNING), when)
        self._number += 1
        heapq.heappush(self._timers, (when, self._number, step))
        return step

    call_soon_threadsafe = call_soon  # type: ignore[assignment]

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: Any = None, context: Context | None = None) -> asyncio.Task[Any]:
        task = asyncio.Task(coro, loop=self, name=name or "t", context=context)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        process = (context or copy_context()).get(RUNNING)
        if process is not None:
            process.tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and not self._over:
            self.failures.append(error)

    def run_until_complete(self, future: Any) -> Any:
        """Run until it is done; its result."""
        task = asyncio.ensure_future(future, loop=self) if not isinstance(future, asyncio.Future) else future
        events._set_running_loop(self)
        try:
            self._run(task)
        finally:
            events._set_running_loop(None)
        return task.result()

    def _run(self, task: asyncio.Future[Any]) -> None:
        ready, timers, pop = self.ready, self._timers, heapq.heappop
        while not task.done():
            if not ready:
                if not timers:
                    raise Overrun("nothing is left to happen")
                self.now = max(self.now, timers[0][0])
                while timers and timers[0][0] <= self.now:
                    ready.append(pop(timers)[2])
            step = ready.popleft()
            callback, process = step.callback, step.process
            if callback is None:
                continue
            if process is not None:
                if process.dead:
                    continue
                if process.stopped:
                    process.kept.append(step)
                    continue
            self.steps += 1
            step.context.run(callback, *step.args)
            if self.steps > self._at_most:
                raise Overrun(f"{self.steps} steps at {self.now:.1f} s")

    def close(self) -> None:
        """End every process where it stands; what their `finally` would still want, nobody hears."""
        self._over = True
        logging.disable(logging.CRITICAL)
        for process in self.processes:
            process.dead = True
            for task in process.tasks:
                if not task.done():
                    with suppress(RuntimeError):
                        task.get_coro().close()  # type: ignore[union-attr]
        logging.disable(logging.NOTSET)
        self.ready.clear()
        self._timers.clear()
