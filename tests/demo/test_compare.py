"""The comparison finds nothing where all is well, and each kind of lie where it is not."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from deploy.demo import compare
from deploy.demo.compare import Fact, Findings, Told

A, B = "application:c:a", "application:c:b"
Records = dict[str, Any]


def commit(stream: str, version: int, prev: str) -> dict[str, Any]:
    return {
        "_id": f"{stream}@{version}", "stream": stream, "first": version, "last": version, "prev": prev,
        "events": [{"hash": f"{stream}#{version}"}], "command_id": f"{stream}!{version}",
    }  # fmt: skip


def entry(stream: str, version: int, recipient: str) -> dict[str, Any]:
    return {"_id": f"{stream}@{version}/{recipient}/t", "place": f"0{version}/{stream}", "recipient": recipient}


def records() -> Records:
    """Two volunteers applied, one of them withdrew; everything agrees."""
    commits = [commit(A, 1, ""), commit(B, 1, ""), commit(A, 2, f"{A}#1")]
    view = {A: {"_id": A, "version": 2, "state": 1}, B: {"_id": B, "version": 1, "state": 1}}
    return {
        "told": [Told(A, 1, "x"), Told(B, 1, "x"), Told(A, 2, "y")],
        "commits": commits,
        "facts": [Fact(c["stream"], c["first"], c["events"][0]["hash"]) for c in commits],
        "rebuilt": view,
        "live": deepcopy(view),
        "expected": {f"{A}@1": "a", f"{A}@2": "a", f"{B}@1": "b"},
        "entries": [entry(A, 1, "a"), entry(A, 2, "a"), entry(B, 1, "b")],
    }


def findings(r: Records) -> Findings:
    found = Findings()
    log = compare.log_of(r["commits"])
    compare.compare_answers(r["told"], log, found)
    compare.compare_order(log, found)
    compare.compare_topics(log, r["facts"], found)
    compare.compare_views("applications", r["rebuilt"], r["live"], found)
    compare.compare_inboxes(r["expected"], r["entries"], found)
    return found


def test_when_all_agree_nothing_is_found() -> None:
    assert findings(records()).clean


def test_a_repeat_on_a_topic_is_allowed() -> None:
    r = records()
    r["facts"] += r["facts"]
    assert findings(r).clean


@pytest.mark.parametrize(
    ("lie", "sort", "words"),
    [
        (lambda r: r["told"].append(Told(B, 2, "z")), "lost", "not in the log"),
        (lambda r: r["told"].pop(), "doubled", "nobody was told"),
        (lambda r: r["told"].append(Told(B, 1, "another wish")), "doubled", "2 different wishes"),
        (lambda r: r["commits"][2].update(command_id=f"{A}!1"), "doubled", "a second time"),
        (lambda r: r["commits"][2].update(prev="?"), "disordered", "does not follow"),
        (lambda r: r["commits"].pop(0), "disordered", "does not follow"),
        (lambda r: r["facts"].pop(1), "lost", "not on its topic"),
        (lambda r: r["facts"].reverse(), "disordered", "before what precedes it"),
        (lambda r: r["facts"].append(Fact(B, 2, "forged")), "wrong", "not what the log holds"),
        (lambda r: r["live"].pop(A), "lost", "not in the view"),
        (lambda r: r["live"][A].update(version=1), "lost", "in the log at 2"),
        (lambda r: r["live"][A].update(state=2), "wrong", "not what the log says"),
        (lambda r: r["live"].update({"x": {"version": 1}}), "wrong", "which is not in the log"),
        (lambda r: r["entries"].pop(), "lost", "no inbox tells"),
        (lambda r: r["entries"].append(entry(B, 1, "b") | {"_id": f"{B}@1/b/u"}), "doubled", "2 times"),
        (lambda r: r["entries"][0].update(place="09"), "disordered", "comes behind"),
        (lambda r: r["entries"][0].update(recipient="b"), "wrong", "somebody else"),
        (lambda r: r["entries"].append(entry(B, 2, "b")), "wrong", "not in the log"),
    ],
)
def test_each_kind_of_lie_is_seen(lie: Callable[[Records], object], sort: str, words: str) -> None:
    r = records()
    lie(r)
    assert [name for name, sentence in findings(r) if words in sentence] == [sort]


def test_what_a_person_finds_at_the_door_is_counted_and_ordered() -> None:
    told = [Told(A, 1, "x"), Told(A, 2, "y")]
    first, second = {"about": A, "time": "1"}, {"about": A, "time": "2"}
    for heard, sort in (([first], "lost"), ([first, second, second], "doubled"), ([second, first], "disordered")):
        found = Findings()
        compare.compare_heard(told, heard, found)
        assert [name for name, _ in found] == [sort]
