"""views: what each service keeps to be asked, and how to make it anew from what happened."""

from typing import Annotated

import typer
from rich.table import Table

from deploy.cli.words import err, out, plainly

app = typer.Typer(help="Views: list them, rebuild one from what happened.", no_args_is_help=True)


@app.command("list")
@plainly
def list_() -> None:
    """Show every view of every service: what feeds it, how many documents it holds."""
    from deploy.cli import reach
    from deploy.cli.rebuilding import describe

    table = Table("service", "view", "kept from", "documents", "generation", box=None, header_style="bold")
    for row in reach.run(describe(reach.running(), reach.parts())):
        table.add_row(*row)
    out.print(table)


@app.command()
@plainly
def rebuild(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="Such as notifications.")],
    view: Annotated[str, typer.Argument(metavar="VIEW", help="As hamkke views list shows it.")],
) -> None:
    """Make a view anew while the service goes on, and compare the two.

    A view kept from topics is filled beside the live one and switched in. A main view, kept from the service's own
    log, is where its commands look first: there only the rows that differ are put right, in place.
    """
    from deploy.cli import reach
    from deploy.cli.rebuilding import rebuild_view

    told = reach.run(rebuild_view(reach.running(), reach.parts(service)[0], view))
    out.print(f"{told.documents:,} documents, canonical hash {told.digest}")
    if told.equal:
        out.print(f"[green]Equal to the live view.[/green] {told.done}")
        return
    err.print(f"[yellow]The live view was different.[/yellow] {told.done}")
