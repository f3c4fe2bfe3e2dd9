"""What came of a demonstration: var/demo/report.json for machines, a short table for people."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from deploy.demo.compare import Findings

SHOWN = 10


@dataclass(frozen=True)
class Report:
    """The numbers of one run. All whole; `seconds` from the first request to the last comparison, rounded up."""

    pool: int
    applied: int
    lost: int
    duplicate_effects: int
    order_violations: int
    seconds: int
    withdrawn: int
    refused: int
    contradictions: int
    retries: int
    restarts: int
    applications_per_second: int
    memory_mb: int
    call_id: str
    findings: list[str]

    @property
    def clean(self) -> bool:
        """Everybody was told yes, and everything that was told is true, once and in order."""
        trouble = self.lost + self.duplicate_effects + self.order_violations + self.contradictions + self.refused
        return trouble == 0 and self.applied == self.pool


def sentences(findings: Findings) -> list[str]:
    """What is wrong, each with its sort in front."""
    return [f"{sort}: {sentence}" for sort, sentence in findings]


def write_report(path: Path, report: Report) -> None:
    """Replace the file in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(asdict(report), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


def show(console: Console, report: Report, path: Path) -> None:
    """The table, and the first of the sentences."""
    table = Table("what happened", "", box=None, header_style="bold", title_justify="left")
    table.columns[1].justify = "right"
    rows = [
        ("volunteers in the pool", report.pool, None),
        ("applied, and were told so", report.applied, report.pool),
        ("of them withdrew again", report.withdrawn, None),
        ("refused", report.refused, 0),
        ("asked again after a failure", report.retries, None),
        ("processes that came back", report.restarts, None),
        ("lost", report.lost, 0),
        ("effects twice", report.duplicate_effects, 0),
        ("out of order", report.order_violations, 0),
        ("records that contradict each other", report.contradictions, 0),
        ("applications a second", report.applications_per_second, None),
        ("seconds in all", report.seconds, None),
        ("memory of all processes, MB", report.memory_mb, None),
    ]
    for words, value, must in rows:
        colour = "default" if must is None else "green" if value == must else "bold red"
        table.add_row(words, f"[{colour}]{value:,}[/{colour}]")
    console.print(table)
    for sentence in report.findings[:SHOWN]:
        console.print(f"[red]{sentence}[/red]")
    if len(report.findings) > SHOWN:
        console.print(f"… and {len(report.findings) - SHOWN} more, in {path}")
    verdict = "Every application that was confirmed is in the log, on the topic, in the view and in the inbox: once, in order."
    console.print(
        f"[green]{verdict}[/green]"
        if report.clean
        else "[bold red]This must not happen. Please report it with the file named below.[/bold red]"
    )
    console.print(f"Report: {path}")
