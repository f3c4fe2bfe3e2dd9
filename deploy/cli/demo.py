"""demo: 2,000 volunteers apply while one watches, and then everything is compared."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy.cli.words import err, plainly
from deploy.local.home import Home
from deploy.local.services import DEFAULT_PORT
from deploy.local.trouble import Trouble

MOST = 100_000


@plainly
def demo(
    volunteers: Annotated[int, typer.Option(min=1, max=MOST, help="How many people to invent.")] = 2_000,
    pool: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="A pool of yours instead: features.csv or categories.csv, and respondents.csv or candidates.csv (UTF-8 or CP949).",
        ),
    ] = None,
    seats: Annotated[
        int | None, typer.Option(min=1, help="Seats of the call, with --pool. Default: the fewest its quotas allow.")
    ] = None,
    leave: Annotated[bool, typer.Option("--exit", help="End after the report; so it does without a terminal.")] = False,
    rate: Annotated[
        float, typer.Option(min=0, help="Volunteers a second at most, to have time to watch. 0: as fast as it goes.")
    ] = 0.0,
    clients: Annotated[int, typer.Option(min=1, max=64, help="How many apply at the same moment.")] = 24,
    port: Annotated[
        int, typer.Option(min=1024, max=65_000, help="Base of all ports, where no platform is up yet.")
    ] = DEFAULT_PORT,
    split: Annotated[
        bool, typer.Option("--split/--no-split", help="One process for each service, or one for all.")
    ] = True,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="On Apache Kafka 4 (after: make kafka), where no platform is up yet.")
    ] = False,
    store: Annotated[
        str | None, typer.Option(metavar="URI", help="As for hamkke up, where no platform is up yet.")
    ] = None,
) -> None:
    """Open a call, let a whole pool of volunteers apply over HTTP, and compare five records of what happened.

    Uses the platform that is up, or starts one of its own and stops it at the end. Kill any of its processes meanwhile:
    nothing that was confirmed is lost. Exit code 1 when something was lost, happened twice, or came out of order.
    """
    # these bring HTTP, store and broker with them: only for this verb
    from deploy.cli.reach import quiet_libraries
    from deploy.demo.run import Interrupted, Wishes, demonstrate
    from deploy.demo.screen import Steady
    from shared.broker.port import BrokerAway
    from shared.store.port import StoreAway

    if seats is not None and pool is None:
        raise Trouble("--seats goes with --pool; the invented pool is for 50.")
    wishes = Wishes(volunteers, pool, seats, leave or not sys.stdout.isatty(), port, split, kafka, store, clients, rate)
    quiet_libraries()
    try:
        code = asyncio.run(demonstrate(wishes, Home.default(), Steady(highlight=False, soft_wrap=True)))
    except Interrupted:
        err.print("Stopped before the end; there is no report of this run.")
        raise typer.Exit(130) from None
    except (StoreAway, BrokerAway) as away:
        which = "store" if isinstance(away, StoreAway) else "broker"
        raise Trouble(
            f"The {which} did not come back, so nothing could be compared; hamkke status shows how it is."
        ) from None
    except ExceptionGroup as group:
        raise _first(group) from None
    if code:
        raise typer.Exit(code)


def _first(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group
