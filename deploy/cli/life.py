"""up, down, status: the platform in the background."""

import asyncio
import signal
import sys
import time
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.cli.words import err, out, plainly
from deploy.local import leftovers, starting
from deploy.local.health import health, reasons
from deploy.local.home import Home
from deploy.local.services import DEFAULT_PORT

COLOURS = {"ready": "green", "starting": "yellow", "restarting": "yellow", "waiting": "dim"}


@plainly
def up(
    split: Annotated[
        bool, typer.Option("--split", help="One process for each service, to stop or kill one and watch.")
    ] = False,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="Run on Apache Kafka 4 (after: make kafka; needs Java 17).")
    ] = False,
    store: Annotated[
        str | None,
        typer.Option(
            metavar="URI", help="A MongoDB replica set of yours (mongodb://…), or which one to start: py, rs, mongod."
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=1024, max=65_000, help="Base of all ports; the services are at N+1, N+2, …")
    ] = DEFAULT_PORT,
    hosted_by: Annotated[str, typer.Option(hidden=True)] = "deploy.local.serve",
) -> None:
    """Start store, broker and services in the background, and wait until all are ready."""
    options = [
        "--port",
        str(port),
        "--hosted-by",
        hosted_by,
        *(["--split"] if split else []),
        *(["--kafka"] if kafka else []),
    ]
    if store:
        options += ["--store", store]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was begun is ended first, as after Ctrl-C
    home, began, report = Home.default(), time.monotonic(), {}
    with Live(console=err, transient=True, refresh_per_second=10) as live:
        for report in starting.up(home, options):
            live.update(_progress(report, time.monotonic() - began))
    out.print(f"[green]Ready[/green] after {time.monotonic() - began:.1f} s.")
    out.print(_addresses(report))
    out.print("Stop it with [bold]hamkke down[/bold]; look at it with [bold]hamkke status[/bold].")


@plainly
def down() -> None:
    """Stop services, broker and store, in this order; what was stored stays."""
    with err.status("Stopping …"):
        stopped = starting.down(Home.default())
    out.print("Stopped." if stopped else "Nothing was running.")


@plainly
def status() -> None:
    """Show the processes: their health, memory and restarts. Exit code 1 unless all are ready."""
    home = Home.default()
    report = leftovers.report(home)
    if not report or not leftovers.is_held(home):
        killed = report is not None and report.get("state") in ("ready", "starting")
        out.print("Not running: the last run was killed. Type hamkke up." if killed else "Not running. Type hamkke up.")
        raise typer.Exit(1)
    well = asyncio.run(_print_status(report))
    if not well:
        raise typer.Exit(1)


async def _print_status(report: dict[str, Any]) -> bool:
    rows = report["processes"]
    answers = await asyncio.gather(*(_health(row) for row in rows))
    table = Table("name", "health", "address", "process", "memory", "restarts", box=None, header_style="bold")
    for row, answer in zip(rows, answers, strict=True):
        used = f"{starting.memory({row['pid']}) >> 20} MB" if row["pid"] else ""
        table.add_row(row["name"], _coloured(answer), row["url"], str(row["pid"] or "-"), used, str(row["restarts"]))
    out.print(table)
    pids = {row["pid"] for row in rows if row["pid"]} | {report["supervisor"]["pid"]}
    broker = "Apache Kafka" if report["broker"]["kind"] == "kafka" else "embedded broker (in memory)"
    out.print(
        f"Store: {report['store']['kind']}. Broker: {broker}. Memory of all, with the supervisor: {starting.memory(pids) >> 20} MB."
    )
    return report["state"] == "ready" and all(answer == "ready" for answer in answers)


async def _health(row: dict[str, Any]) -> str:
    if not row["url"].startswith("http:"):
        return str(row["state"])
    code, body = await health(row["port"], patience=7)  # longer than a service waits for a store that hangs
    if code == 200:
        return "ready"
    return f"not ready: {reasons(body)}" if code else "does not answer"


def _progress(report: dict[str, Any], seconds: float) -> Text:
    text = Text(f"Starting {seconds:4.1f} s  ")
    for row in report.get("processes", []):
        text.append(f"{row['name']} ", style=COLOURS.get(row["state"], "red"))
        text.append(f"{row['state']}   ", style="dim")
    return text


def _addresses(report: dict[str, Any]) -> Table:
    table = Table("what", "address", "process", box=None, header_style="bold")
    for row in report["processes"]:
        docs = f"{row['url']}/docs" if row["url"].startswith("http:") else row["url"]
        table.add_row(row["name"], docs, str(row["pid"]))
    return table


def _coloured(state: str) -> str:
    colour = COLOURS.get(state, "red")
    return f"[{colour}]{state}[/{colour}]"
