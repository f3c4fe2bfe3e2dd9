"""The shortest schedule that still fails, and what its clients and its log went through.

    python -m tests.simulation.shrink SEED [MUTANT]

Lines are dropped as long as what is left still fails in the same way; with each try of a few draws of the small
faults, since these fall differently once a line is gone.
"""

import logging
import sys
from collections.abc import Callable
from dataclasses import replace

from tests.simulation.mutants import chosen
from tests.simulation.plan import Plan, plan_of
from tests.simulation.world import World

DRAWS = 4
TRIES = 3_000


def symptom(found: list[str]) -> str:
    """What kind of violation: the words before the colon."""
    return found[0].partition(":")[0] if found else ""


class Shrinking:
    """Keeps the shortest failing plan seen."""

    def __init__(self, plan: Plan, runs: Callable[[Plan], list[str]]) -> None:
        self.plan, self._runs = plan, runs
        self.found = runs(plan)
        self._symptom = symptom(self.found)
        self._seed = plan.seed
        self.tries = 0

    def all(self) -> Plan:
        """Drop lines, in halves first, then one by one; then switch the rates off that are not needed."""
        size = max(1, len(self.plan.actions) // 2)
        while size and self.tries < TRIES:
            start, dropped = 0, False
            while start < len(self.plan.actions):
                lines = set(range(start, min(start + size, len(self.plan.actions))))
                if self._try(self.plan.without(lines)):
                    dropped = True
                else:
                    start += size
            if not dropped or size > 1:
                size //= 2
        for knob, rate in list(self.plan.knobs.items()):
            if rate:
                self._try(replace(self.plan, knobs={**self.plan.knobs, knob: 0.0}))
        self._try(replace(self.plan, rebuilds=False))
        return self.plan

    def _try(self, plan: Plan) -> bool:
        for draw in range(DRAWS):
            self.tries += 1
            drawn = replace(plan, seed=f"{self._seed}~{draw}") if draw else plan
            found = self._runs(drawn)
            if symptom(found) == self._symptom:
                self.plan, self.found = drawn, found
                return True
        return False


def main(seed: str, mutant: str = "") -> int:
    """Replay a seed, shrink it, print both."""
    sys.unraisablehook = lambda _: None  # what killed processes would still have wanted to do
    logger = logging.getLogger("hamkke")
    logger.setLevel(logging.ERROR)
    logger.propagate = False
    with chosen(mutant).applied():
        shrinking = Shrinking(plan_of(seed, chosen(mutant).favour), lambda plan: World(plan).run())
        if not shrinking.found:
            print(f"seed {seed} holds")  # noqa: T201
            return 0
        before = len(shrinking.plan.actions)
        plan = shrinking.all()
        world = World(plan)
        found = world.run()
    lines = [f"seed {seed} fails; of its {before} lines these are enough ({shrinking.tries} tries):", "", str(plan), ""]
    lines += ["what is wrong:", *(f"  {line}" for line in found), "", "the log:", *history(world)]
    print("\n".join(lines))  # noqa: T201
    return 1


def history(world: World) -> list[str]:
    """Every commit as it landed, every attempt as it was answered."""
    told = [
        (a.answered, f"key {k.number} {k.verb} {k.stream} sent {a.sent:.3f} ({a.body}): {a.answer}")
        for k in world.asked
        for a in k.attempts
    ]
    landed = [
        (when, f"landed {doc['_id']}..{doc['last']} of {doc['command_id'][:12]}")
        for commits in world.landed.values()
        for when, doc in commits
    ]
    return [f"  {when:7.3f}  {text}" for when, text in sorted(told + landed)]


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
