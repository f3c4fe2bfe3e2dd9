"""The event log over a real store: one command is one insert, asked twice is answered once."""

import asyncio
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from shared.canonical import canonical
from shared.contracts.base import Private
from shared.contracts.cloudevents import attributes_of, chain_hash
from shared.eventlog import erasing
from shared.eventlog.erasing import erase
from shared.eventlog.log import EventLog
from shared.refusals import KeyReused, NotThere, TooLarge, Unavailable, VersionMismatch
from shared.store import mongo
from shared.store.mongo import MongoStore
from shared.store.port import Doc
from tests.shared.commands import CITIZEN, add, close_gate, command, open_gate
from tests.simulation import domain

GATE, NOTE = "gate:1", f"note:1:{CITIZEN}"


@pytest.fixture
async def log(store: MongoStore) -> EventLog:
    log = EventLog(store, domain.AGGREGATES)
    await open_gate(log, GATE)
    return log


async def commits(store: MongoStore) -> dict[str, Doc]:
    return {commit["_id"]: commit async for batch in store["commits"].scan() for commit in batch}


async def test_an_accepted_command_is_one_document(log: EventLog, store: MongoStore) -> None:
    decided = await add(log, NOTE, GATE, "lamp")
    assert (decided.version, decided.changed, decided.repeated) == (1, True, False)
    stored = (await commits(store))[f"{NOTE}@1"]
    assert (stored["first"], stored["last"], stored["prev"]) == (1, 1, "")
    assert [event["type"] for event in stored["events"]] == ["hamkke.sim.Added.v1"]


async def test_a_private_part_stands_beside_the_event_and_only_its_digest_in_it(
    log: EventLog, store: MongoStore
) -> None:
    await add(log, NOTE, GATE, "lamp", text="the lamp at number 5 is broken")
    stored = (await commits(store))[f"{NOTE}@1"]
    part = stored["private"]["1/text"]
    assert part["value"] == "the lamp at number 5 is broken"
    assert "number 5" not in str(stored["events"])
    assert Private(stored["events"][0]["data"]["text"], **part) == Private(
        stored["events"][0]["data"]["text"], part["salt"], part["value"]
    )


async def test_the_hashes_of_a_stream_chain_its_events(log: EventLog, store: MongoStore) -> None:
    await add(log, NOTE, GATE, "lamp")
    await add(log, NOTE, GATE, "bench")
    found, prev = await commits(store), ""
    for version in (1, 2):
        commit = found[f"{NOTE}@{version}"]
        event = commit["events"][0]
        assert commit["prev"] == prev
        attributes = attributes_of(domain.NOTE, commit, version, event["type"], event["data"])
        prev = chain_hash(prev, attributes, canonical(event["data"]))
        assert event["hash"] == prev


async def test_the_same_key_again_is_answered_with_the_first_version(log: EventLog) -> None:
    first = await add(log, NOTE, GATE, "lamp", key="k")
    await add(log, NOTE, GATE, "bench")
    again = await add(log, NOTE, GATE, "lamp", key="k")
    assert (again.version, again.repeated) == (first.version, True)


async def test_a_process_that_never_saw_the_stream_answers_a_repeat_alike(log: EventLog, store: MongoStore) -> None:
    first = await add(log, NOTE, GATE, "lamp", key="k")
    await add(log, NOTE, GATE, "bench")
    again = await add(EventLog(store, domain.AGGREGATES), NOTE, GATE, "lamp", key="k")
    assert (again.version, again.repeated) == (first.version, True)


async def test_the_same_key_with_another_body_is_refused(log: EventLog) -> None:
    await add(log, NOTE, GATE, "lamp", key="k")
    with pytest.raises(KeyReused):
        await add(log, NOTE, GATE, "bench", key="k")


async def test_asking_for_what_is_already_so_changes_nothing(log: EventLog) -> None:
    await add(log, NOTE, GATE, "lamp")
    decided = await add(log, NOTE, GATE, "lamp", key="another")
    assert (decided.version, decided.changed) == (1, False)


async def test_a_stale_if_match_is_refused_and_the_current_one_accepted(log: EventLog) -> None:
    with pytest.raises(VersionMismatch) as refused:
        await log.decide(GATE, domain.close_gate, command("a", if_match=7))
    assert refused.value.details == {"version": 1}
    assert (await log.decide(GATE, domain.close_gate, command("b", if_match=1))).version == 2


async def test_a_refusal_rests_on_what_is_stored_not_on_what_is_remembered(log: EventLog, store: MongoStore) -> None:
    elsewhere = EventLog(store, domain.AGGREGATES)
    assert (await elsewhere.read(GATE)).version == 1
    await close_gate(log, GATE)
    assert (await elsewhere.decide(GATE, domain.open_gate, command("again"))).version == 3


async def test_an_acceptance_rests_on_the_newest_state_of_what_the_rule_sees(log: EventLog, store: MongoStore) -> None:
    elsewhere = EventLog(store, domain.AGGREGATES)
    await add(elsewhere, NOTE, GATE, "lamp")
    await close_gate(log, GATE)
    with pytest.raises(domain.GateIsClosed):
        await add(elsewhere, NOTE, GATE, "bench")


async def test_twenty_processes_racing_for_one_stream_leave_no_gap_and_no_double(
    log: EventLog, store: MongoStore
) -> None:
    logs = [EventLog(store, domain.AGGREGATES) for _ in range(20)]
    results = await asyncio.gather(*(add(one, NOTE, GATE, "lamp", key=f"k{n}") for n, one in enumerate(logs)))
    assert sum(decided.changed for decided in results) == 1
    assert {decided.version for decided in results} == {1}


async def test_commands_on_one_stream_queue_up_in_a_process(log: EventLog, store: MongoStore) -> None:
    notes = await asyncio.gather(*(add(log, NOTE, GATE, item) for item in ("lamp", "bench", "tree")))
    assert sorted(decided.version for decided in notes) == [1, 2, 3]
    assert set(await commits(store)) == {f"{GATE}@1", f"{NOTE}@1", f"{NOTE}@2", f"{NOTE}@3"}


async def test_a_request_older_than_ten_seconds_is_not_stored(log: EventLog, store: MongoStore) -> None:
    with pytest.raises(Unavailable):
        await log.decide(GATE, domain.close_gate, command("late", age=11))
    assert set(await commits(store)) == {f"{GATE}@1"}


async def test_a_commit_too_large_to_be_relayed_is_refused(log: EventLog) -> None:
    with pytest.raises(TooLarge):
        await add(log, NOTE, GATE, "lamp", text="x" * 300_000)


async def test_a_stream_of_an_unknown_kind_is_not_there(log: EventLog) -> None:
    with pytest.raises(NotThere):
        await log.read("nothing:1")


async def test_an_erased_person_is_gone_from_state_and_store_while_the_chain_stays(
    log: EventLog, store: MongoStore
) -> None:
    await add(log, NOTE, GATE, "lamp", text="at number 5")
    elsewhere = EventLog(store, domain.AGGREGATES)
    await elsewhere.read(NOTE)
    assert await erase(store, log, CITIZEN, command("erase")) == [NOTE]
    assert await erase(store, log, CITIZEN, command("erase again")) == [NOTE]
    found = await commits(store)
    assert "number 5" not in str(found)
    assert found[f"{NOTE}@2"]["prev"] == found[f"{NOTE}@1"]["events"][0]["hash"]
    state = (await elsewhere.read(NOTE)).state
    assert isinstance(state, domain.Note)
    assert [part.value for part in state.texts.values()] == [None]
    with pytest.raises(NotThere):
        await add(elsewhere, NOTE, GATE, "bench")


async def test_a_long_stream_met_cold_is_whole(log: EventLog, store: MongoStore) -> None:
    for turn in range(40):
        rule = domain.close_gate if turn % 2 == 0 else domain.open_gate
        await log.decide(GATE, rule, command(f"turn {turn}"))
    assert (await EventLog(store, domain.AGGREGATES).read(GATE)).version == 41


async def test_a_stream_that_appears_while_its_person_is_erased_is_erased_too(
    log: EventLog, store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(log, NOTE, GATE, "lamp", text="at number 5")
    late, look = f"note:2:{CITIZEN}", erasing.streams_of

    async def and_then_another(store: MongoStore, citizen: str) -> dict[str, int]:
        found = await look(store, citizen)
        await add(log, late, GATE, "bench", text="at number 6")
        return found

    monkeypatch.setattr(erasing, "streams_of", and_then_another)
    assert await erase(store, log, CITIZEN, command("erase")) == [NOTE, late]
    for stream in (NOTE, late):
        note = (await log.read(stream)).state
        assert [part.value for part in note.texts.values()] == [None]
        assert (await commits(store))[f"{stream}@2"]["events"][0]["type"] == "hamkke.sim.NoteErased.v1"


async def test_a_driver_call_that_never_returns_is_a_store_that_is_away(
    log: EventLog, store: MongoStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, hangs = AsyncDatabase.command, ["insert", "find"]

    async def command_(self: Any, asked: Any, *args: Any, **more: Any) -> Any:
        if hangs and isinstance(asked, dict) and next(iter(asked)) == hangs[0]:
            hangs.pop(0)
            await asyncio.Event().wait()
        return await ask(self, asked, *args, **more)

    monkeypatch.setattr(mongo, "DEADLINE", 0.3)
    monkeypatch.setattr(mongo, "SPARE", 0.1)
    monkeypatch.setattr(AsyncDatabase, "command", command_)
    async with asyncio.timeout(10):
        assert (await add(log, NOTE, GATE, "lamp")).version == 1  # the same document is inserted again
        with pytest.raises(Unavailable):
            await log.read(NOTE)
        assert (await log.read(NOTE)).version == 1
