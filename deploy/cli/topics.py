"""topics: what the contracts say, made on the broker."""

import asyncio
from typing import Annotated

import typer

from deploy.cli.words import out, plainly
from deploy.local import leftovers
from deploy.local.home import Home
from shared.settings import load_settings

app = typer.Typer(help="The topics of the contracts.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """The topics of the contracts."""


@app.command()
@plainly
def apply(
    replication: Annotated[
        int, typer.Option(min=1, max=32, help="Copies of each partition (3 in a cluster of three).")
    ] = 1,
) -> None:
    """Create the topics that are missing; change nothing that is there. Twice is once."""
    from deploy.local import topics as local_topics  # brings the Kafka client with it: only for this verb

    home = Home.default()
    settings = load_settings(home=home.root)
    report = leftovers.report(home) if settings.profile == "embedded" and leftovers.is_held(home) else None
    bootstrap = [report["broker"]["address"]] if report else settings.broker
    made = asyncio.run(local_topics.apply(bootstrap, settings.partitions or 12, replication=replication))
    for name in local_topics.names():
        out.print(f"{'made' if name in made else 'there'}  {name}")
