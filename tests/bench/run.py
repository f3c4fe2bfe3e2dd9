"""`python -m tests.bench.run [--rows name,…] [--quick] [--store py|rs]`: measure, show, and write var/bench/report.json."""

import argparse
import os
import platform
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import uvloop
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.local.home import Home
from deploy.local.stores import RUST, RUST_PASSED
from shared.moments import text
from tests.bench.bench import Bench
from tests.bench.report import Row, unmeasured, write
from tests.bench.rows import commands, growth, latency, operations, relay, start, views

ROWS: dict[str, Callable[[Bench], Awaitable[list[Row]]]] = {
    "commands": commands.both,
    "operations": operations.counted,
    "latency": latency.visible,
    "views": views.into_a_view,
    "relay": relay.drained,
    "rebuild": views.rebuilt,
    "growth": growth.grown,
    "start": start.started,
}


async def measure(
    names: Sequence[str], stores: Sequence[str], quick: bool, console: Console, keep: Callable[[list[Row]], None]
) -> list[Row]:
    """All rows on all stores, told to `keep` as they come. What fails is said, and is a row that is not met."""
    rows: list[Row] = []
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        for store in stores:
            for name in names:
                task = progress.add_task(f"{name} on {store}", total=None)
                bench = Bench(store, quick, lambda task=task: progress.advance(task))
                try:
                    found = await ROWS[name](bench)
                except Exception as error:
                    why = escape(f"{type(error).__name__}: {error}")
                    console.print(f"[red]{name} on {store} could not be measured:[/] {why}", highlight=False)
                    found = [unmeasured(bench.name(name))]
                rows += found
                keep(rows)
                progress.update(task, total=1, completed=1)
                for row in found:
                    console.print(_line(row), highlight=False)
    return rows


def table(rows: Sequence[Row]) -> Table:
    """The rows as a person reads them."""
    made = Table(title="Hamkke against the plainest honest programs")
    for column in ("row", "value", "unit", "baseline", "ratio", "bar", "met"):
        made.add_column(column, justify="left" if column in ("row", "unit") else "right")
    for row in rows:
        cells = [row.name, row.value, row.unit, row.baseline, row.ratio, row.bar]
        made.add_row(*("-" if cell is None else str(cell) for cell in cells), "yes" if row.met else "[red]no[/]")
    return made


def _line(row: Row) -> str:
    if row.value is None:
        return f"{row.name}: [red]not measured[/]"
    against = f" against {row.baseline}: {row.ratio}" if row.ratio is not None else ""
    return f"{row.name}: {row.value} {row.unit}{against}; bar {row.bar}, {'met' if row.met else '[red]not met[/]'}"


def main() -> int:
    """The exit code is 1 when a row could not be measured; a bar that was missed is in the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.run", description=__doc__)
    parser.add_argument("--rows", help=f"only these, with commas: {', '.join(ROWS)}", default=",".join(ROWS))
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, to see that it works")
    parser.add_argument("--store", choices=("py", "rs"), help="only on this store (default: every one that is built)")
    parser.add_argument("--report", type=Path, default=Home.default().root / "bench" / "report.json")
    asked = parser.parse_args()
    names = [name for name in asked.rows.split(",") if name]
    if unknown := [name for name in names if name not in ROWS]:
        parser.error(f"no such rows: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    built = ["py", *(["rs"] if RUST.exists() and RUST_PASSED.exists() else [])]
    console, began = Console(), time.time()
    about = {
        "started": text(datetime.fromtimestamp(began, UTC)),
        "quick": asked.quick,
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]},
    }

    def keep(rows: list[Row]) -> None:
        write(asked.report, rows, about | {"seconds": round(time.time() - began)})

    rows = uvloop.run(measure(names, [asked.store] if asked.store else built, asked.quick, console, keep))
    console.print(table(rows))
    console.print(f"The report is {asked.report}")
    return 0 if all(row.value is not None for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
