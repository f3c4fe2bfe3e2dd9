"""The harness sees: with one protection switched off it fails, and says what was lost."""

import os
from pathlib import Path
from typing import Any

import pytest

from tests.faults.round import Plan, Result, run_round
from tests.faults.sabotage import SABOTAGES

CASES = {
    "checkpoint_before_the_acknowledgement": ("broker-stalls", {"lost"}),
    "guard_before_the_effect": ("store-stalls", {"lost"}),
    "dual_write_instead_of_the_log": ("broker-stalls", {"lost"}),
    "stock_parser_in_batches": ("poison", {"lost", "dead"}),
}
needs_minutes = pytest.mark.skipif(
    not os.environ.get("SLOW_TESTS"), reason="minutes: .ci/run does it, with SLOW_TESTS=1"
)


async def result_of(scenario: str, home: Path, **sabotaged: Any) -> Result:
    plan = Plan(seed=2, seconds=15, kafka=False, home=home / "home", scenario=scenario, **sabotaged)
    return await run_round(plan, lambda words: None)


def test_every_sabotage_is_tried() -> None:
    assert set(CASES) == set(SABOTAGES)


@pytest.mark.slow
@needs_minutes
@pytest.mark.parametrize("which", CASES)
async def test_the_harness_sees_it(which: str, tmp_path: Path) -> None:
    scenario, kinds = CASES[which]
    result = await result_of(scenario, tmp_path, hosted_by="tests.faults.sabotage", env={"SABOTAGE": which})
    assert not result.passed, f"nothing seen; {result.numbers}"
    assert kinds & {finding.kind for finding in result.findings}, [str(finding) for finding in result.findings[:5]]


@pytest.mark.slow
@needs_minutes
@pytest.mark.parametrize("scenario", sorted({scenario for scenario, _ in CASES.values()}))
async def test_without_sabotage_the_same_faults_harm_nobody(scenario: str, tmp_path: Path) -> None:
    result = await result_of(scenario, tmp_path)
    assert result.passed, [str(finding) for finding in result.findings[:5]]
