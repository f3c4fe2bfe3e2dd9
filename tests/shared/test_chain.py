"""Chains are followed in any order, and the first event that does not fit is named."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.broker.port import Incoming
from shared.canonical import canonical
from shared.chain import Chains, differences
from shared.contracts.base import Erased, Event, StreamKind
from shared.contracts.cloudevents import attributes_of, chain_hash, read_record, records_of


class Grew(Event):
    by: int


class PlantErased(Erased):
    """This kind's own."""


PLANT = StreamKind("garden", "plant", (Grew, PlantErased))
KINDS = {"plant": PLANT}
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def history(stream: str = "plant:1", lengths: tuple[int, ...] = (1, 2, 1)) -> list[dict[str, Any]]:
    """Commits of so many events each, chained."""
    commits, version, prev = [], 0, ""
    for length in lengths:
        commit: dict[str, Any] = {
            "_id": f"{stream}@{version + 1}", "stream": stream, "first": version + 1, "last": version + length,
            "events": [], "time": "2026-02-01T09:00:00.000Z", "at": "2026-02-01T09:00:00.004Z",
            "actor": "somebody", "prev": prev, "trace": "00-1",
        }  # fmt: skip
        for _ in range(length):
            version += 1
            data = {"by": version}
            attributes = attributes_of(PLANT, commit, version, Grew.TYPE, data)
            prev = chain_hash(prev, attributes, canonical(data))
            commit["events"].append({"type": Grew.TYPE, "data": data, "hash": prev})
        commits.append(commit)
    return commits


def chains_of(commits: list[dict[str, Any]]) -> Chains:
    chains = Chains()
    for commit in commits:
        chains.take_commit(commit, KINDS)
    return chains


def first_fault(commits: list[dict[str, Any]]) -> str:
    return str(chains_of(commits).faults()[0])


def test_a_whole_history_fits_in_any_order() -> None:
    commits = history() + history("plant:2", (3,))
    random.Random(1).shuffle(commits)
    chains = chains_of(commits)
    assert chains.faults() == []
    assert (chains.events, chains.streams) == (7, 2)
    assert chains.heads()["plant:1"][0] == 4


def test_data_changed_later_is_named() -> None:
    commits = history()
    commits[1]["events"][1]["data"]["by"] = 100
    assert first_fault(commits) == "plant:1@3: its data or attributes are not those that were hashed"


@pytest.mark.parametrize("field", ["time", "at", "actor", "trace"])
def test_attributes_changed_later_are_named(field: str) -> None:
    commits = history()
    commits[1][field] = "other"
    assert first_fault(commits).startswith("plant:1@2: its data or attributes")


def test_a_missing_commit_is_named_once() -> None:
    commits = history(lengths=(1, 1, 1, 1))
    del commits[1]
    faults = chains_of(commits).faults()
    assert [str(fault) for fault in faults] == ["plant:1@3: the version before is missing (the chain ends at 1)"]


def test_a_history_written_anew_from_the_middle_does_not_fit_what_came_before() -> None:
    forged = history(lengths=(1, 1))
    forged[0]["events"][0]["data"]["by"] = 7
    forged[0]["events"][0]["hash"] = chain_hash(
        "", attributes_of(PLANT, forged[0], 1, Grew.TYPE, {"by": 7}), canonical({"by": 7})
    )
    assert first_fault(forged) == "plant:1@2: the hash that it names as the one before is another"


def test_a_rival_of_a_version_is_named_and_a_repeat_is_not() -> None:
    commits, other = history(lengths=(1,)), history(lengths=(1,))
    other[0]["actor"] = "somebody else"
    data = {"by": 1}
    other[0]["events"][0]["hash"] = chain_hash("", attributes_of(PLANT, other[0], 1, Grew.TYPE, data), canonical(data))
    assert first_fault(commits + other) == "plant:1@1: there is another event of this version"
    assert chains_of(commits + commits).faults() == []


@pytest.mark.parametrize(
    "broken", [{}, {"events": None}, {"first": "one"}, {"events": []}, {"prev": {}}, {"stream": None}]
)
def test_what_is_no_commit_is_named_and_nothing_breaks(broken: dict[str, Any]) -> None:
    commit = history(lengths=(1,))[0] | broken if broken else {"_id": "x"}
    assert chains_of([commit]).faults()


def test_a_stream_of_no_known_kind_is_named() -> None:
    assert "no service has streams of the kind 'weed'" in first_fault(history("weed:1"))


def test_a_topic_without_an_event_of_the_log_is_seen_and_so_is_another_history() -> None:
    log, topic = chains_of(history()), Chains()
    for commit in history()[:2]:
        for out in records_of(PLANT, commit):
            topic.take_record(read_record(Incoming(out.topic, 0, 0, out.key, out.value, out.headers)))
    assert topic.faults() == []
    assert [str(d) for d in differences(log.heads(), topic.heads())] == [
        "plant:1@4: is in the log and not on its topic"
    ]
    other = {"plant:1": (4, "another hash")}
    assert "another event on the topic" in str(next(differences(log.heads(), other)))
