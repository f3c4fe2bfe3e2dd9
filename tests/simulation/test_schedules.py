"""Whatever fails, in whatever order: 0 lost, 0 doubled, 0 out of order, 0 wrong answers."""

import os
import subprocess
import sys

import pytest

from tests.simulation.mutants import MUTANTS
from tests.simulation.run import ROOT, environment, explain, schedules
from tests.simulation.shrink import symptom

IN_CI = 20_000
BROKEN = {"a bug", "unhandled", "it does not end"}


@pytest.mark.timeout(1200)
def test_all_schedules_hold() -> None:
    """Another seed every time but in CI would find more and blame the wrong change; `make simulate` does that."""
    outcome = schedules(int(os.environ.get("HAMKKE_SCHEDULES", IN_CI)), base="1")
    assert not outcome.failed, "\n\n".join(explain(seed) for seed in outcome.failed)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("rule", MUTANTS)
def test_a_rule_that_is_switched_off_is_found(rule: str) -> None:
    outcome = schedules(6_000, base="m", mutant=rule)
    assert outcome.failed, f"nobody noticed that {MUTANTS[rule].says}"
    seen = {symptom(found) for found in outcome.failed.values()}
    assert seen - BROKEN, f"that {MUTANTS[rule].says} shows by breaking what runs, not by what is wrong: {seen}"


@pytest.mark.timeout(600)
def test_nothing_is_found_where_nothing_is_switched_off() -> None:
    """What a mutant favours is no failure by itself."""
    for rule in MUTANTS:
        outcome = schedules(60, base="h", mutant=f"~{rule}")
        assert not outcome.failed, "\n\n".join(explain(seed, f"~{rule}") for seed in outcome.failed)


def test_a_failing_seed_replays_exactly_and_is_told_in_its_shortest_form() -> None:
    [seed] = schedules(500, base="m", workers=1, mutant="D6-foreign").failed
    first, second = explain(seed, "D6-foreign"), explain(seed, "D6-foreign")
    assert first == second
    assert f"seed {seed} fails" in first
    assert "these are enough" in first
    assert "ask 0 open g0" in first
    assert "what is wrong:" in first


def test_the_command_line_says_how_many_hold() -> None:
    command = [sys.executable, "-m", "tests.simulation.run", "--schedules", "20", "--seed", "cli"]
    ran = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "20 schedules hold" in ran.stdout
