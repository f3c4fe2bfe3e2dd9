"""dead: the records that consumers have set aside, why, and another try for them."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from deploy.cli.words import out, plainly
from deploy.local.trouble import Trouble

app = typer.Typer(
    help="Records that consumers have set aside: parked ones wait, dead ones can never be applied.",
    no_args_is_help=True,
)
Service = Annotated[str | None, typer.Option(metavar="NAME", help="Only this service.")]
LONGEST = 4_000  # bytes of a value that are shown


@app.command("list")
@plainly
def list_(
    service: Service = None,
    consumer: Annotated[str | None, typer.Option(metavar="NAME", help="Only this consumer.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Also those that are done with.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show what is parked and what is dead, the newest last."""
    from deploy.cli import reach
    from deploy.cli.graves import gather

    found = reach.run(gather(reach.running(), reach.parts(service), consumer, all_))
    if as_json:
        for grave in found:
            sys.stdout.write(json.dumps(grave.summary()) + "\n")
        return
    if not found:
        out.print("Nothing is parked and nothing is dead.")
        return
    table = Table("ref", "service", "consumer", "state", "record", "since", "reason", box=None, header_style="bold")
    for grave in found:
        row = grave.summary()
        state = f"{row['state']}, {row['tries']} tries" if row["tries"] else row["state"]
        table.add_row(
            row["ref"], row["service"], row["consumer"], state, row["record"], row["since"], escape(row["reason"])
        )
    out.print(table)
    out.print("Look at one with hamkke dead show REF; try again with hamkke dead redrive REF.", style="dim")


@app.command()
@plainly
def show(
    ref: Annotated[str, typer.Argument(metavar="REF", help="As hamkke dead list shows it.")],
    raw: Annotated[
        bool, typer.Option("--raw", help="Only the original value, byte for byte, to standard output.")
    ] = False,
) -> None:
    """Show one record: where it was, why it was set aside, its headers and its bytes, made safe to print."""
    from deploy.cli import reach
    from deploy.cli.graves import find

    grave = reach.run(find(reach.running(), reach.parts(), ref))
    if raw:
        sys.stdout.buffer.write(grave.document["value"] or b"")
        return
    for name, value in grave.summary().items():
        out.print(f"{name + ':':<12}", escape(str(value)))
    out.print(f"{'cluster:':<12}", escape(str(grave.document["cluster"])))
    out.print(f"{'key:':<12}", escape(_safe(grave.document["key"])))
    for name, value in grave.document["headers"]:
        out.print(f"{'header:':<12}", escape(f"{_safe(str(name).encode())} = {_safe(value)}"))
    out.print(f"{'value:':<12}", escape(_safe(grave.document["value"])))


@app.command()
@plainly
def redrive(
    refs: Annotated[list[str] | None, typer.Argument(metavar="REF…", help="As hamkke dead list shows them.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that are parked or dead.")] = False,
    service: Service = None,
    consumer: Annotated[str | None, typer.Option(metavar="NAME", help="With --all: only this consumer.")] = None,
) -> None:
    """Let the service try them again; it does so within a second or two. Twice is once. Nothing is ever deleted."""
    from deploy.cli import reach
    from deploy.cli.graves import redrive_these

    if bool(refs) == all_:
        raise Trouble("Name the records to try again, as hamkke dead list shows them, or say --all.")
    outcomes = reach.run(redrive_these(reach.running(), reach.parts(service), refs, consumer))
    said = [f"{outcomes['marked']} marked to be tried again"]
    if before := outcomes["marked before"]:
        said.append(f"{before} had been marked before")
    if waits := outcomes["waits"]:
        said.append(f"{waits} wait for an earlier version and drain by themselves (hamkke events replay publishes it)")
    out.print(f"{'; '.join(said)}. hamkke dead list --all shows what came of it.")


def _safe(value: Any) -> str:
    """Bytes as one line that no terminal obeys: text where it is text, else \\x…; shortened."""
    if value is None:
        return "(none)"
    shown = bytes(value[:LONGEST]).decode("utf-8", "backslashreplace")
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return text + (f" … ({len(value):,} bytes; --raw gives them all)" if len(value) > LONGEST else "")
