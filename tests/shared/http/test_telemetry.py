"""Telemetry: one form for every line, traces by W3C's rules, and nobody's data in any of it."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shared.http.roles import Role
from shared.settings import Settings
from shared.telemetry import metrics, trace
from shared.telemetry.logs import masked, setup_logs
from tests.shared.http.tiny import PERSON, bearer, client_of, tiny, uuid7

NOTE = "/notes/" + "ab" * 16
GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged while the test runs; logging is as before afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    setup_logs("debug", stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


async def test_nothing_personal_is_in_logs_or_metrics(settings: Settings, lines: io.StringIO) -> None:
    marks = ["Zw3tschge", "010-9876-5432", "kim@example.kr", "ab" * 16, PERSON, "eyJ"]
    async with client_of(tiny(settings)) as client:
        headers = bearer(settings) | {"idempotency-key": uuid7()}
        await client.post(NOTE, json={"word": "Zw3tschge", "texts": {"a": "010-9876-5432"}}, headers=headers)
        await client.post(NOTE, json={"Zw3tschge": "kim@example.kr"}, headers=headers)
        await client.get(f"{NOTE}?mail=kim@example.kr")
        await client.get("/kim@example.kr/Zw3tschge")
        await client.request("ZW3TSCHGE", "/rows")
        await client.get("/broken", headers=bearer(settings, Role.CITIZEN))
        await client.get("/away")
        logging.getLogger("aiokafka").error("lost kim@example.kr and %s", PERSON)
        logging.getLogger("uvicorn.access").info("GET %s", NOTE)
        await asyncio.sleep(0.1)
    told = lines.getvalue() + metrics.exposition().decode()
    for mark in marks:
        assert mark.lower() not in told.lower(), mark
    assert "user:password" not in told
    routes = [line["route"] for line in map(json.loads, lines.getvalue().splitlines()) if line["event"] == "request"]
    assert "/notes/{note_id}" in routes
    assert "(none)" in routes


def test_every_line_is_json_with_the_same_members_whoever_writes_it(lines: io.StringIO) -> None:
    token = trace.current.set(GOOD)
    structlog.get_logger("hamkke.x").info("ours", count=3)
    logging.getLogger("faststream.y").warning("theirs %d", 4, extra={"stream": f"note:{PERSON}", "tries": 2})
    try:
        raise KeyError("010-1234-5678")
    except KeyError:
        logging.getLogger("pymongo.z").exception("a failure")
    trace.current.reset(token)
    found = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["event"] for line in found] == ["ours", "theirs 4", "a failure"]
    assert [line["level"] for line in found] == ["info", "warning", "error"]
    assert all({"time", "logger", "trace_id"} <= set(line) for line in found)
    assert found[2]["error"] == "KeyError"
    assert found[2]["where"]
    assert (found[1]["stream"], found[1]["tries"]) == ("note:…", 2)
    assert "010" not in json.dumps(found[2])


@pytest.mark.parametrize(
    "text", ["a kim.lee+x@city.go.kr b", "mongodb://u:secret@h/", "010-1234-5678", "01012345678", "x " + "0f" * 16]
)
def test_what_looks_personal_is_masked(text: str) -> None:
    assert "…" in masked(text)


def test_a_valid_traceparent_is_continued_with_a_step_of_our_own() -> None:
    ours = trace.continued(GOOD)
    assert trace.trace_id(ours) == trace.trace_id(GOOD)
    assert ours != GOOD
    assert trace.trace_id(trace.continued("01" + GOOD[2:] + "-more")) == trace.trace_id(GOOD)


@pytest.mark.parametrize(
    "header",
    [
        None, "", "x", GOOD.upper(), GOOD[:-1], GOOD + "0", GOOD + "-more", "ff" + GOOD[2:], " " + GOOD,
        "00-" + "0" * 32 + GOOD[35:], GOOD[:36] + "0" * 16 + "-01", GOOD.replace("-", "_"), GOOD + "\n",
    ],
)  # fmt: skip
def test_an_invalid_traceparent_begins_a_new_trace(header: str | None) -> None:
    ours = trace.continued(header)
    assert trace.trace_id(ours) != trace.trace_id(GOOD)
    assert len(ours) == 55


async def test_commands_are_counted_by_outcome(settings: Settings) -> None:
    def counted(outcome: str) -> float:
        labels = {"service": "tiny", "command": "note", "outcome": outcome}
        return metrics.REGISTRY.get_sample_value("hamkke_commands_total", labels) or 0.0

    before = counted("accepted"), counted("refused")
    async with client_of(tiny(settings)) as client:
        headers = bearer(settings) | {"idempotency-key": uuid7()}
        await client.post(NOTE, json={"word": "x"}, headers=headers)
        await client.post(NOTE, json={"word": "y"}, headers=headers)
    assert (counted("accepted") - before[0], counted("refused") - before[1]) == (1, 1)
