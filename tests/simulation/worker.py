"""A process that runs schedules and says on its standard output how it goes, one JSON object a line.

It is started with a fixed PYTHONHASHSEED: sets of strings are walked in the same order in every run, so that a seed
replays exactly.
"""

import gc
import json
import logging
import os
import sys
from typing import Any

from tests.simulation.mutants import chosen
from tests.simulation.plan import plan_of
from tests.simulation.world import World

TELL_EVERY = 50


def main(base: str, first: int, step: int, count: int, mutant: str) -> None:
    """Run the schedules `<base>.<first>`, `<base>.<first + step>`, … up to `count`, until one fails."""
    sys.unraisablehook = lambda _: None  # what killed processes would still have wanted to do
    logger = logging.getLogger("hamkke")
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    gc.disable()
    with chosen(mutant).applied():
        done = 0
        for number in range(first, count, step):
            if done % TELL_EVERY == 0:
                gc.collect()
                say(done=done)
            seed = f"{base}.{number}"
            found = World(plan_of(seed, chosen(mutant).favour)).run()
            done += 1
            if found:
                say(seed=seed, found=found)
                return
    say(done=done)


def say(**what: Any) -> None:
    """One line to whoever started us."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5] if len(sys.argv) > 5 else "")
    os._exit(0)  # without collecting what is left
