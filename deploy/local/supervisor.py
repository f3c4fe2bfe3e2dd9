"""The background process behind `hamkke up`: runs one platform until SIGTERM, and tells all in platform.json."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local.home import Home
from deploy.local.platform import Platform
from deploy.local.report import write_report
from deploy.local.trouble import Trouble


async def supervise(platform: Platform) -> None:
    """Start, watch, and stop when told to. Raises Trouble when it cannot be started."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    starting = asyncio.create_task(platform.start())
    waiting = asyncio.create_task(told.wait())
    await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():  # told to stop before all was ready
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    try:
        starting.result()
        await waiting
    finally:
        waiting.cancel()
    await platform.stop()


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """The command line of the supervisor, as `hamkke up` writes it."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local.supervisor", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--split", action="store_true")
    parser.add_argument("--kafka", action="store_true")
    parser.add_argument("--store")
    parser.add_argument("--hosted-by", default="deploy.local.serve")
    return parser.parse_args(given)


def make(options: argparse.Namespace) -> Platform:
    """The platform that was asked for. Raises Trouble."""
    return Platform(
        options.home,
        port=options.port,
        split=options.split,
        kafka=options.kafka,
        store=options.store,
        hosted_by=options.hosted_by,
    )


def main(given: Sequence[str]) -> int:
    """The exit code: 0 after a stop, 1 when it could not be started."""
    options = arguments(given)
    try:
        asyncio.run(supervise(make(options)))
    except Trouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 1
    except Exception as error:  # whatever it is, `up` waits for a word
        home = Home(options.home.resolve())
        write_report(
            home.report, {"state": "failed", "message": f"The launcher failed ({error!r}); its log is in {home.logs}."}
        )
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
