"""doctor and settings: what this machine has, and how this installation is set."""

import typer
from rich.markup import escape
from rich.table import Table

from deploy.cli.words import out, plainly
from deploy.docs import env_example
from deploy.local.home import Home
from shared.settings import load_settings

MARKS = {"ok": "[green]ok[/green]", "missing": "[red]missing[/red]", "optional": "[yellow]optional[/yellow]"}


@plainly
def doctor() -> None:
    """Say what is missing on this machine and what to type. Exit code 1 when something necessary is missing."""
    from deploy.local import doctor as examination  # looks at everything, so brings everything: only for this verb

    found = examination.examine(Home.default())
    table = Table("what", "", "found", "for", box=None, header_style="bold")
    for line in found:
        table.add_row(line.what, MARKS[line.verdict], line.found, line.purpose)
    out.print(table)
    for line in found:
        if line.remedy and line.verdict != "ok":
            out.print(f"{line.what}: {line.remedy}", markup=False)
    if any(line.verdict == "missing" for line in found):
        raise typer.Exit(1)
    out.print("Everything necessary is here.")


@plainly
def settings(
    as_env: bool = typer.Option(False, "--env", help="As .env lines with their explanations (this is .env.example)."),
) -> None:
    """Show every setting: its variable, its value now, its default, what it means. Passwords are hidden."""
    if as_env:
        out.print(env_example(), end="", markup=False)
        return
    rows = load_settings().describe()
    table = Table("variable", "value", "what it is", box=None, header_style="bold")
    for row in rows:
        changed = "" if row.value == row.default else f" [Default: {row.default or 'none'}]"
        table.add_row(row.variable, row.value, escape(row.description + changed))
    out.print(table)
