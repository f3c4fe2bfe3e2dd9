"""A round ends with findings, never with a traceback; and what a failed one says to type makes it once more."""

import shlex
import sys
from pathlib import Path

import httpx
import pytest

from deploy.local.platform import Platform
from deploy.local.trouble import Trouble
from shared.broker.port import BrokerAway
from shared.store.port import StoreAway
from tests.faults.round import Plan, run_round
from tests.faults.run import _again, _asked
from tests.faults.schedule import schedule


@pytest.mark.parametrize(
    "error",
    [
        StoreAway("the store"),
        BrokerAway("the broker"),
        Trouble("a port is taken"),
        OSError("no more files"),
        httpx.ReadTimeout("late"),
        ExceptionGroup("clients", [StoreAway("the store")]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_place_that_stays_away_is_a_finding(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stays_away(platform: Platform) -> None:
        raise error

    monkeypatch.setattr(Platform, "start", stays_away)
    result = await run_round(Plan(1, 20, kafka=False, home=tmp_path / "home"), lambda words: None)
    assert [finding.kind for finding in result.findings] == ["stuck"]
    assert type(error).__name__ in str(result.findings[0])
    assert not result.passed


@pytest.mark.parametrize("scenario", [None, "poison"])
def test_what_a_failed_seed_says_to_type_makes_the_same_schedule(
    scenario: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(7, 12.5, kafka=False, home=tmp_path, scenario=scenario)
    monkeypatch.setattr(sys, "argv", shlex.split(_again(plan))[2:])
    asked = _asked()
    assert asked.seeds == 1
    assert schedule(asked.first, asked.seconds, asked.scenario) == schedule(7, 12.5, scenario)
