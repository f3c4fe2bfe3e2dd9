"""What one sees while the volunteers apply: a live display on a terminal, a line now and then elsewhere."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from deploy.demo.crowd import Crowd
from deploy.demo.watch import Watch

LINE_EVERY = 5.0  # seconds
COLOURS = {"ready": "green", "starting": "yellow", "restarting": "yellow"}


class Steady(Console):
    """A console that goes on quietly when nobody reads any more (`| head`): the demonstration ends as it should."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Screen:
    """Shows a crowd and what watches it."""

    def __init__(self, console: Console, crowd: Crowd, watch: Watch) -> None:
        self._console, self._crowd, self._watch = console, crowd, watch
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(bar_width=40), MofNCompleteColumn(), TimeElapsedColumn()
        )
        total = len(crowd.pool.volunteers)
        self._applied = self._bar.add_task("applied        ", total=total)
        self._arrived = self._bar.add_task("inbox entries  ", total=total)

    async def during(self, work: Awaitable[None], words: Callable[[], str]) -> None:
        """Show how it stands until the work is done; `words` names what is going on."""
        task = asyncio.ensure_future(work)
        try:
            if self._console.is_terminal:
                with Live(console=self._console, refresh_per_second=8, transient=True) as live:
                    while not task.done():
                        live.update(self._picture(words()))
                        await asyncio.wait({task}, timeout=0.12)
            else:
                await self._lines(task, words)
            task.result()
        finally:
            task.cancel()

    async def _lines(self, task: "asyncio.Future[None]", words: Callable[[], str]) -> None:
        next_line = time.monotonic() + LINE_EVERY
        while not task.done():
            await asyncio.wait({task}, timeout=0.2)
            if time.monotonic() >= next_line:
                next_line += LINE_EVERY
                self._console.print(f"{words()}: {self._line()}")

    def _line(self) -> str:
        crowd, watch = self._crowd, self._watch
        ready, processes = watch.up
        return (
            f"{crowd.counts['applied']:,} of {len(crowd.pool.volunteers):,} applied, {crowd.speed:.0f}/s, "
            f"{crowd.counts['withdrawn']} withdrawn, {crowd.counts['refused']} refused, {crowd.client.counts['retries']} asked again, "
            f"relay lag {watch.lag}, {watch.inboxes.count:,} inbox entries, "
            f"{ready} of {processes} processes ready"
        )

    def _picture(self, words: str) -> RenderableType:
        crowd, watch = self._crowd, self._watch
        self._bar.update(self._applied, completed=crowd.counts["applied"])
        expected = crowd.counts["applied"] + crowd.counts["withdrawn"]
        self._bar.update(self._arrived, completed=watch.inboxes.count, total=max(expected, len(crowd.pool.volunteers)))
        numbers = Text(f"{words}   ", style="bold")
        retries = crowd.client.counts["retries"]
        numbers.append(f"{crowd.speed:.0f} a second", style="cyan")
        numbers.append(f"   withdrawn {crowd.counts['withdrawn']}   refused {crowd.counts['refused']}", style="default")
        numbers.append(f"   asked again {retries}", style="yellow" if retries else "default")
        numbers.append(f"   relay lag {watch.lag}", style="default")
        hint = Text("Kill any of them from another terminal: whoever was told yes will still be there.", style="dim")
        return Group(numbers, self._bar, self._processes(), hint)

    def _processes(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for row in {row["process"]: row for row in self._watch.processes}.values():
            state = Text(str(row["state"]), style=COLOURS.get(row["state"], "red"))
            again = f"came back {row['restarts']} x" if row["restarts"] else ""
            table.add_row(row["process"], state, f"kill -9 {row['pid']}" if row["pid"] else "", again)
        return table
