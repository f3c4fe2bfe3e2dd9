"""The harness itself: what a ratio is, what the report holds, and that a missed bar is said."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from shared.contracts.cloudevents import read_record, records_of
from shared.contracts.recruitment import APPLICATION
from tests.bench import made
from tests.bench.bench import Bench
from tests.bench.load import uuid7
from tests.bench.report import Round, Row, Sample, at_least, at_most, at_most_times, write
from tests.bench.rounds import alternate
from tests.bench.run import ROWS, measure, table

FIELDS = {"name", "value", "unit", "baseline", "ratio", "bar", "met", "samples"}


def rounds(*pairs: tuple[float, float]) -> list[Round]:
    return [Round(Sample(baseline), Sample(candidate)) for baseline, candidate in pairs]


def test_a_ratio_is_the_median_of_the_rounds_own_ratios():
    row = at_least("r", "items/s", rounds((100, 90), (200, 100), (50, 40)), 0.7)
    assert row.ratio == 0.8
    assert (row.value, row.baseline) == (90, 100)
    assert row.met


def test_a_row_that_misses_its_bar_says_so():
    assert not at_least("r", "items/s", rounds((100, 69), (100, 60), (100, 90)), 0.7).met
    assert not at_most_times("r", "ms", rounds((10, 51), (10, 60), (10, 49)), 5).met
    assert not at_most("r", "s", [9, 11, 12], 10).met
    assert at_most("r", "s", [9, 9, 12], 10).met
    assert not at_most("r", "s", [9, 9, 12], 10, worst=True).met


def test_one_round_below_the_floor_is_enough_to_miss():
    pairs = (100, 100), (100, 100), (100, 59)
    assert at_least("r", "items/s", rounds(*pairs), 0.8).met
    assert not at_least("r", "items/s", rounds(*pairs), 0.8, floor=0.6).met


def test_the_report_holds_exactly_the_fields_of_a_row(tmp_path: Path):
    compared = at_least("a.py", "items/s", [Round(Sample(3.0, {"store": 1.234}), Sample(6.0))], 0.7)
    write(tmp_path / "bench" / "report.json", [compared, at_most("b.py", "s", [1.0], 10)], {"quick": True})
    report = json.loads((tmp_path / "bench" / "report.json").read_text())
    assert report["quick"]
    assert [set(row) for row in report["rows"]] == [FIELDS, FIELDS]
    assert report["rows"][0]["samples"] == [
        {"baseline": {"value": 3.0, "cpu_us": {"store": 1.2}}, "candidate": {"value": 6.0, "cpu_us": {}}, "ratio": 2.0}
    ]
    assert report["rows"][1]["baseline"] is None
    assert table([Row(**row) for row in report["rows"]]).row_count == 2


async def test_a_row_that_fails_is_not_met_and_those_before_it_are_kept(monkeypatch: pytest.MonkeyPatch):
    async def measured(bench: Bench) -> list[Row]:
        return [at_most(bench.name("one"), "s", [1.0], 10)]

    async def fails(bench: Bench) -> list[Row]:
        raise ConnectionError("[/] nobody listens")

    for name, row in {"one": measured, "two": fails, "three": measured}.items():
        monkeypatch.setitem(ROWS, name, row)
    kept: list[list[bool]] = []
    console = Console(file=StringIO(), width=200)
    rows = await measure(
        ["one", "two", "three"], ["py"], True, console, lambda rows: kept.append([row.met for row in rows])
    )
    assert kept == [[True], [True, False], [True, False, True]]
    assert (rows[1].name, rows[1].value) == ("two.py", None)
    assert "ConnectionError: [/] nobody listens" in console.file.getvalue()
    assert table(rows).row_count == 3


async def test_baseline_and_candidate_take_turns_and_take_turns_in_beginning():
    order: list[str] = []

    async def one(who: str) -> Sample:
        order.append(who)
        return Sample(1.0)

    done = await alternate(3, lambda _: one("b"), lambda _: one("c"), lambda: order.append("|"))
    assert "".join(order) == "bc|cb|bc|"
    assert len(done) == 3


def test_a_whole_run_takes_five_rounds_and_a_quick_one_says_so_by_its_size():
    assert Bench("py").rounds >= 5
    assert (Bench("py").size(2_000), Bench("py", quick=True).size(2_000)) == (2_000, 200)
    assert Bench("rs").name("relay") == "relay.rs"


async def test_the_raw_material_is_what_the_log_would_have_written():
    commits = await made.commits(3, each=2)
    assert [commit["first"] for commit in commits] == [1, 1, 1, 2, 2, 2]
    record = read_record(_incoming(records_of(APPLICATION, commits[0])[0]))
    assert record.stream == commits[0]["stream"]
    assert 280 <= len(str(commits[0]["private"]["1/answers"]["value"])) <= 340
    calls = await made.grown_calls(2, each=5)
    assert max(commit["last"] for commit in calls) == 5


def test_people_of_two_bursts_are_never_the_same():
    assert made.citizen(23, "people1") != made.citizen(3, "people12")


def test_keys_of_the_load_are_version_7():
    assert uuid7()[14] == "7"
    assert len({uuid7() for _ in range(100)}) == 100


@pytest.mark.parametrize("row", ["commands", "operations", "latency", "views", "relay", "rebuild", "growth", "start"])
def test_every_row_of_the_spec_is_measured(row: str):
    assert row in ROWS


def _incoming(record):
    from shared.broker.port import Incoming

    return Incoming(record.topic, 0, 0, record.key, record.value, record.headers)
