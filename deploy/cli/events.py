"""events: look at the facts, publish them again, verify their chains."""

import json
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated

import typer

from deploy.cli.words import err, out, plainly
from deploy.local.trouble import Trouble

if TYPE_CHECKING:
    from shared.broker.port import Incoming
    from shared.contracts.cloudevents import Record

app = typer.Typer(help="The facts: follow them, publish them again, verify their chains.", no_args_is_help=True)
Service = Annotated[str | None, typer.Option(metavar="NAME", help="Only this service.")]


@app.command()
@plainly
def tail(
    topic: Annotated[
        list[str] | None, typer.Option(help="Only this topic, such as hamkke.recruitment.call; may be repeated.")
    ] = None,
    type_: Annotated[
        str | None, typer.Option("--type", metavar="WORD", help="Only events whose type has this word in it.")
    ] = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="All facts there are, then those that come.")
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="End after so many facts. 0: only Ctrl-C ends it.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, data and all.")] = False,
) -> None:
    """Show the last facts, then each new one as it comes: time, type, stream and version, who.

    People are pseudonyms here, and what they wrote is nowhere on a topic. Repeats are left out.
    """
    from deploy.cli import reach
    from shared.contracts.catalogue import published

    known = [kind.topic for kind in published()]
    if unknown := [name for name in topic or () if name not in known]:
        raise Trouble(f"There is no topic {unknown[0]}. These exist: {', '.join(known)}.")
    reach.run(_tail(topic or known, type_, from_start, limit, as_json))


async def _tail(topics: list[str], word: str | None, from_start: bool, limit: int, as_json: bool) -> None:
    from deploy.cli.facts import Facts
    from deploy.cli.reach import running

    shown = 0
    facts = Facts(running(), topics, from_start, lambda words: err.print(words, style="dim"))
    async with aclosing(facts.read()) as found:
        async for raw, fact in found:
            if word and (isinstance(fact, str) or word.lower() not in fact.type.lower()):
                continue
            sys.stdout.write(f"{_as_json(raw, fact) if as_json else _line(raw, fact)}\n")
            sys.stdout.flush()
            shown += 1
            if shown == limit:
                return


def _line(raw: "Incoming", fact: "Record | str") -> str:
    if isinstance(fact, str):
        return f"{'':24} {'not an event':26} {raw.topic}[{raw.partition}]@{raw.offset}: {fact}"
    name = fact.type.split(".")[-2]
    return f"{fact.time:24} {name:26} {fact.id}  by {fact.actor}"


def _as_json(raw: "Incoming", fact: "Record | str") -> str:
    place = {"topic": raw.topic, "partition": raw.partition, "offset": raw.offset}
    if isinstance(fact, str):
        return json.dumps({**place, "unreadable": fact})
    return json.dumps(
        {**place, **fact.attributes, "prevhash": fact.prev, "hash": fact.hash, "data": fact.data}, ensure_ascii=False
    )


@app.command()
@plainly
def replay(
    service: Service = None,
    stream: Annotated[str | None, typer.Option(metavar="STREAM", help="Only this stream, such as call:3f2a….")] = None,
) -> None:
    """Publish the log to the topics again. Harmless: whoever has seen an event drops the repeat."""
    from deploy.cli import reach
    from deploy.cli.replaying import replay_services

    sent = reach.run(replay_services(reach.running(), reach.parts(service), stream))
    if stream and not sent:
        raise Trouble(f"No log holds a relayed stream {stream}; hamkke events tail --from-start shows which there are.")
    out.print(f"{sent:,} records were published again.")


@app.command()
@plainly
def verify(
    service: Service = None,
    only: Annotated[str | None, typer.Option(metavar="log|topics", help="Only the logs, or only the topics.")] = None,
) -> None:
    """Compute every hash again, in the logs and from the topics, and compare the two. Exit code 1 when an event does not fit."""
    from deploy.cli import reach
    from deploy.cli.verifying import verify_services

    if only not in (None, "log", "topics"):
        raise Trouble(f"--only takes log or topics, not {only!r}.")
    verified = reach.run(verify_services(reach.running(), reach.parts(service), only))
    for words in verified.words:
        out.print(words)
    if verified.faults:
        first, *more = verified.faults
        err.print(f"[bold red]Does not fit:[/bold red] {first}" + (f"  ({len(more)} more)" if more else ""))
        err.print(verified.advice)
        raise typer.Exit(1)
    out.print("[green]Every event fits.[/green]")
