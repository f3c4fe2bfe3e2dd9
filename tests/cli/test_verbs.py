"""The operators' verbs on a platform that is up: what they show, what they change, what they say when it cannot be."""

import asyncio
import errno
import json
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import typer

from deploy.cli.reach import running, settings_of, store_of, the_broker
from deploy.cli.words import no_traceback
from deploy.local import leftovers, topics
from deploy.local.home import Home
from deploy.local.services import SERVICES
from shared.broker.port import Outgoing
from shared.settings import Settings
from shared.store.port import Collection, Doc
from tests.cli.conftest import Hamkke, run_in

TOPIC = "hamkke.recruitment.application"


def settings(home: Home) -> Settings:
    return settings_of(leftovers.report(home) or {})


def with_collection(home: Home, service: str, name: str, job: Callable[[Collection], Coroutine[Any, Any, Any]]) -> Any:
    async def run() -> Any:
        async with store_of(settings(home), service) as store:
            return await job(store[name])

    return asyncio.run(run())


def send(home: Home, *records: Outgoing) -> None:
    async def run() -> None:
        async with the_broker(settings(home)) as broker:
            sender = await broker.sender()
            await sender.send(records)
            await sender.close()

    asyncio.run(run())


@pytest.fixture(scope="package")
def poisoned(platform_home: Home) -> Home:
    """The platform after somebody wrote to a topic what is no event."""
    nasty = "\x1b[31mrm -rf\x1b[0m 한글".encode()
    send(platform_home, Outgoing(TOPIC, b"key", nasty, [("ce_id", b"\xff\xfe"), ("odd\x07name", b"x")]))
    return platform_home


def rows(hamkke: Hamkke, *words: object) -> list[dict[str, Any]]:
    done = hamkke("dead", "list", "--json", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def until_dead(hamkke: Hamkke) -> dict[str, Any]:
    for _ in range(20):
        if found := rows(hamkke):
            return found[0]
    raise AssertionError("the poison is not in dead")


def test_tail_shows_a_line_for_each_fact_and_nobodys_words(hamkke: Hamkke) -> None:
    done = hamkke(
        "events", "tail", "--from-start", "--limit", 43, "--topic", TOPIC, "--type", "Submitted", "--limit", 40
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 40
    assert all(
        re.fullmatch(r"\S+Z ApplicationSubmitted +application:[0-9a-f]{32}:([0-9a-f]{32})@1  by \1", line)
        for line in lines
    )
    assert "pending" not in done.stderr


def test_tail_as_json_has_attributes_and_published_data(hamkke: Hamkke) -> None:
    done = hamkke("events", "tail", "--from-start", "--limit", 3, "--topic", "hamkke.recruitment.call", "--json")
    facts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [fact["type"].split(".")[2] for fact in facts] == ["CallDrafted", "CallPublished", "CallOpened"]
    assert facts[1]["prevhash"] == facts[0]["hash"]
    assert facts[1]["data"]["title"]["ko"] == "밤에도 걷고 싶은 온새미길"


def test_tail_of_a_topic_that_does_not_exist_names_those_that_do(hamkke: Hamkke) -> None:
    done = hamkke("events", "tail", "--topic", "nothing")
    assert done.returncode == 1
    assert done.stderr.strip() == f"There is no topic nothing. These exist: {', '.join(topics.names())}."


def test_verify_says_how_much_it_looked_at_and_that_it_fits(hamkke: Hamkke) -> None:
    done = hamkke("events", "verify")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "recruitment, log: 44 events in 41 streams" in done.stdout
    assert "recruitment, topics: 44 records of 41 streams" in done.stdout
    assert "Every event fits." in done.stdout


def test_a_replay_is_published_and_changes_nothing(hamkke: Hamkke) -> None:
    assert "44 records were published again." in hamkke("events", "replay").stdout
    assert hamkke("events", "verify").returncode == 0
    assert "Equal to the live view." in hamkke("views", "rebuild", "notifications", "inbox").stdout


def test_a_replay_of_one_stream_publishes_that_one(hamkke: Hamkke) -> None:
    shown = hamkke("events", "tail", "--from-start", "--limit", 1, "--topic", "hamkke.recruitment.call").stdout
    stream = re.search(r"call:\w+", shown)
    assert stream
    assert "3 records were published again." in hamkke("events", "replay", "--stream", stream[0]).stdout
    unknown = hamkke("events", "replay", "--stream", "call:unknown")
    assert unknown.returncode == 1
    assert "No log holds a relayed stream call:unknown" in unknown.stderr


def test_views_are_listed_with_what_feeds_them(hamkke: Hamkke) -> None:
    shown = hamkke("views", "list").stdout
    assert re.search(r"recruitment +applications +its own log +40 +-", shown)
    assert re.search(rf"notifications +inbox +{TOPIC} +41 +\d", shown)


def test_a_main_view_that_is_as_the_log_says_is_left_alone(hamkke: Hamkke) -> None:
    done = hamkke("views", "rebuild", "recruitment", "applications")
    assert "40 documents, canonical hash" in done.stdout
    assert "Equal to the live view. Nothing was changed." in done.stdout


def test_rows_of_a_main_view_that_were_changed_lost_or_ahead_are_put_right(hamkke: Hamkke, platform_home: Home) -> None:
    async def spoil(view: Collection) -> dict[str, Doc]:
        found = await view.find({}, sort=[("_id", 1)], limit=3)
        await view.update({"_id": found[0]["_id"]}, {"$set": {"state.number": "changed"}})
        await view.update({"_id": found[1]["_id"]}, {"$set": {"version": 9}})
        await view._handle.delete_one({"_id": found[2]["_id"]})  # type: ignore[attr-defined]
        return {row["_id"]: row for row in found}

    before = with_collection(platform_home, "recruitment", "applications", spoil)
    done = hamkke("views", "rebuild", "recruitment", "applications")
    assert "3 rows were put right" in done.stderr, done.stdout + done.stderr
    after = with_collection(platform_home, "recruitment", "applications", lambda view: view.get(list(before)))
    assert after == before
    assert "Nothing was changed." in hamkke("views", "rebuild", "recruitment", "applications").stdout


def test_a_row_without_a_log_is_named_and_not_touched(hamkke: Hamkke, platform_home: Home) -> None:
    async def invent(view: Collection) -> None:
        row = (await view.find({}, limit=1))[0]
        await view.insert([row | {"_id": "application:none:none"}])

    with_collection(platform_home, "recruitment", "applications", invent)
    done = hamkke("views", "rebuild", "recruitment", "applications")
    assert "1 rows have no log, first application:none:none" in done.stderr
    drop = with_collection(
        platform_home, "recruitment", "applications",
        lambda view: view._handle.delete_one({"_id": "application:none:none"}),
    )  # fmt: skip
    assert drop.deleted_count == 1


def test_a_view_that_does_not_exist_is_answered_with_those_that_do(hamkke: Hamkke) -> None:
    assert (
        "notifications has no view rosters. These exist: inbox."
        in hamkke("views", "rebuild", "notifications", "rosters").stderr
    )
    assert (
        f"There is no service nobody. These exist: {', '.join(SERVICES)}."
        in hamkke("views", "rebuild", "nobody", "x").stderr
    )


def test_poison_is_listed_once_and_shown_so_that_no_terminal_obeys_it(hamkke: Hamkke, poisoned: Home) -> None:
    row = until_dead(hamkke)
    assert (row["service"], row["consumer"], row["state"]) == ("notifications", "inbox", "dead")
    assert len(rows(hamkke)) == 1
    shown = hamkke("dead", "show", row["ref"]).stdout
    assert "\\x1b[31mrm -rf\\x1b[0m 한글" in shown
    assert "\x1b" not in shown
    assert "header:      ce_id = \\xff\\xfe" in shown
    assert "odd\\x07name = x" in shown
    assert row["reason"] in shown


def test_what_is_as_dead_after_a_redrive_as_before_stays_on_the_list(hamkke: Hamkke, poisoned: Home) -> None:
    ref = until_dead(hamkke)["ref"]
    assert "1 marked to be tried again." in hamkke("dead", "redrive", ref[:8]).stdout
    for _ in range(20):  # until the sweeper has tried it
        if rows(hamkke)[0]["state"] == "dead":
            break
    assert [(row["ref"], row["state"]) for row in rows(hamkke)] == [(ref, "dead")]


def parked(offset: int) -> Doc:
    """A record that a consumer called nobody has parked, after three tries."""
    return {
        "_id": f"x/nobody/t/0/{offset}/d", "consumer": "nobody", "cluster": "x", "topic": "t", "partition": 0, "offset": offset,
        "key": b"k", "value": b"v", "headers": [], "reason": "failed: KeyError", "state": "parked", "generation": 1,
        "stream": "s", "version": 2, "since": "2026-01-01T00:00:00.000Z", "due": "2099-01-01T00:00:00.000Z", "tries": 3,
    }  # fmt: skip


def test_a_parked_record_is_due_now_and_twice_is_once(hamkke: Hamkke, poisoned: Home) -> None:
    document = parked(7)
    with_collection(poisoned, "notifications", "parked", lambda parked: parked.insert([document]))
    assert rows(hamkke, "--consumer", "nobody")[0]["tries"] == 3
    assert "1 marked to be tried again." in hamkke("dead", "redrive", "--all", "--consumer", "nobody").stdout
    assert (
        "0 marked to be tried again; 1 had been marked before."
        in hamkke("dead", "redrive", "--all", "--consumer", "nobody").stdout
    )
    found = with_collection(poisoned, "notifications", "parked", lambda parked: parked.get([document["_id"]]))
    assert found[document["_id"]]["due"] < "2099"
    with_collection(
        poisoned, "notifications", "parked", lambda p: p.update({"consumer": "nobody"}, {"$set": {"state": "done"}})
    )


def test_a_record_behind_a_gap_is_said_to_wait_and_what_publishes_the_missing_one(
    hamkke: Hamkke, poisoned: Home
) -> None:
    behind = parked(8) | {"reason": "waits for an earlier version", "tries": 0, "due": "2026-01-01T00:00:00.000Z"}
    with_collection(poisoned, "notifications", "parked", lambda shelf: shelf.insert([behind]))
    said = hamkke("dead", "redrive", "--all", "--consumer", "nobody").stdout
    assert said.startswith("0 marked to be tried again; 1 wait for an earlier version and drain by themselves")
    assert "hamkke events replay" in said
    with_collection(
        poisoned,
        "notifications",
        "parked",
        lambda shelf: shelf.update({"consumer": "nobody"}, {"$set": {"state": "done"}}),
    )


def test_redrive_wants_to_know_what(hamkke: Hamkke) -> None:
    assert "Name the records to try again" in hamkke("dead", "redrive").stderr
    assert "No record has the reference 0000" in hamkke("dead", "show", "0000").stderr


def test_verify_names_the_first_event_that_does_not_fit(hamkke: Hamkke, poisoned: Home) -> None:
    done = hamkke("events", "verify")
    assert done.returncode == 1
    assert f"Does not fit: {TOPIC}[" in done.stderr
    assert hamkke("events", "verify", "--only", "log").returncode == 0

    async def forge(commits: Collection) -> str:
        commit = (await commits.find({"first": 1}, sort=[("_id", 1)], limit=1))[0]
        await commits.update({"_id": commit["_id"]}, {"$set": {"actor": "f" * 32}})
        return str(commit["stream"])

    stream = with_collection(poisoned, "recruitment", "commits", forge)
    done = hamkke("events", "verify", "--only", "log")
    assert done.returncode == 1
    assert f"Does not fit: {stream}@1: its data or attributes are not those that were hashed" in done.stderr


@pytest.mark.parametrize("verb", [["events", "tail"], ["events", "verify"], ["dead", "list"], ["views", "list"]])
def test_without_a_platform_each_verb_says_how_to_start_one(tmp_path: Path, verb: list[str]) -> None:
    done = run_in(Home(tmp_path), *verb, HAMKKE_STORE_URI="")
    assert done.returncode == 1
    assert done.stderr.startswith("Hamkke is not running here. Start it with hamkke up")


def test_files_of_another_user_are_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as left, no_traceback():
        raise PermissionError(errno.EACCES, "Permission denied", "var/run/lock")
    assert left.value.exit_code == 1
    assert capsys.readouterr().err.startswith("var/run/lock belongs to another user; type it as the user who ran")


def test_a_store_that_only_the_env_file_names_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAMKKE_HOME", str(tmp_path))
    (tmp_path / ".env").write_text("HAMKKE_STORE_URI=mongodb://there/\n")
    assert running().store_uri == "mongodb://there/"
