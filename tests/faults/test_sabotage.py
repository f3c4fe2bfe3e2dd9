"""The harness sees: with one protection switched off it fails, and says what was lost."""

import os
from pathlib import Path

import pytest

from tests.faults.round import Plan, run_round
from tests.faults.sabotage import SABOTAGES

CASES = {
    "checkpoint_before_the_acknowledgement": ("broker-stalls", {"lost", "stuck"}),
    "guard_before_the_effect": ("store-stalls", {"lost"}),
    "dual_write_instead_of_the_log": ("broker-stalls", {"lost"}),
    "stock_parser_in_batches": ("poison", {"lost", "stuck", "dead"}),
}


def test_every_sabotage_is_tried() -> None:
    assert set(CASES) == set(SABOTAGES)


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("SLOW_TESTS"), reason="minutes: .ci/run does it, with SLOW_TESTS=1")
@pytest.mark.parametrize("which", CASES)
async def test_the_harness_sees_it(which: str, tmp_path: Path) -> None:
    scenario, kinds = CASES[which]
    plan = Plan(
        seed=2,
        seconds=15,
        kafka=False,
        home=tmp_path / "home",
        scenario=scenario,
        hosted_by="tests.faults.sabotage",
        env={"SABOTAGE": which},
        settles=10,
    )
    said: list[str] = []
    result = await run_round(plan, said.append)
    assert not result.passed, f"nothing seen; {result.numbers}"
    assert kinds & {finding.kind for finding in result.findings}, [str(finding) for finding in result.findings[:5]]
