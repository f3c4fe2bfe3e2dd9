"""The follower over real sockets: views follow the log, the relay publishes it, a standby takes over."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from shared.broker.kafka import KafkaBroker
from shared.canonical import canonical
from shared.contracts.base import Event, StreamKind
from shared.contracts.cloudevents import Record, attributes_of, chain_hash, read_record, records_of
from shared.eventlog.aggregate import Aggregate
from shared.eventlog.erasing import erase
from shared.eventlog.log import EventLog
from shared.follower.audit import publish_missing, replay
from shared.follower.follower import Follower
from shared.store.mongo import MongoStore
from shared.together import end
from tests.shared.commands import CITIZEN, add, command, open_gate
from tests.simulation import domain
from tests.simulation.broker import Cluster, MemoryBroker
from tests.simulation.store import MemoryServer, MemoryStore
from tests.support.servers import EmbeddedBroker
from tests.support.topics import create_topic

GATE, NOTE = "gate:1", f"note:1:{CITIZEN}"


@pytest.fixture
async def aggregates(embedded_broker: EmbeddedBroker, fresh_name: str) -> list[Aggregate[object]]:
    """The simulated service's aggregates, on topics of this test's own."""
    own = []
    for aggregate in domain.AGGREGATES:
        kind = aggregate.kind
        kind = StreamKind(fresh_name, kind.name, kind.events, relayed=kind.relayed)
        if kind.relayed:
            await create_topic(embedded_broker.bootstrap, kind.topic)
        own.append(replace(aggregate, kind=kind))
    return own  # type: ignore[return-value]


@asynccontextmanager
async def following(
    store: MongoStore, broker: KafkaBroker, aggregates: list[Aggregate[object]], owner: str, term: float = 0.6
) -> AsyncIterator[Follower]:
    follower = Follower(store, broker, aggregates, owner, term=term)
    task = asyncio.create_task(follower.run())
    yield follower
    await end([task])


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - what changes is a server, not a task
            await asyncio.sleep(0.02)


async def on_topic(broker: KafkaBroker, kind: StreamKind) -> list[Record]:
    return [read_record(raw) async for batch in broker.read(kind.topic) for raw in batch]


def sees(store: MongoStore, view: str, stream: str, version: int) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        found = await store[view].get([stream])
        return stream in found and found[stream]["version"] >= version

    return condition


def published(broker: KafkaBroker, kind: StreamKind, count: int) -> Callable[[], Awaitable[bool]]:
    async def condition() -> bool:
        return len(await on_topic(broker, kind)) >= count

    return condition


async def test_what_is_decided_is_in_the_view_and_on_the_topic(
    store: MongoStore, broker: KafkaBroker, aggregates: list[Aggregate[object]]
) -> None:
    log = EventLog(store, aggregates)
    async with following(store, broker, aggregates, "one"):
        await open_gate(log, GATE)
        await add(log, NOTE, GATE, "lamp")
        await add(log, NOTE, GATE, "bench")
        await until(sees(store, "notes", NOTE, 2))
        await until(published(broker, aggregates[1].kind, 2))
    records = await on_topic(broker, aggregates[1].kind)
    assert [(record.stream, record.version) for record in records] == [(NOTE, 1), (NOTE, 2)]
    assert records[1].prev == records[0].hash
    assert "text" in records[0].data
    assert "written by hand" not in str(records)


async def test_internal_streams_are_seen_by_views_and_never_relayed(
    store: MongoStore, broker: KafkaBroker, aggregates: list[Aggregate[object]]
) -> None:
    log = EventLog(store, aggregates)
    async with following(store, broker, aggregates, "one"):
        await log.decide("ballot:1", lambda state: domain.cast(state, "yes"), command("cast"))
        await open_gate(log, GATE)
        await until(sees(store, "ballots", "ballot:1", 1))
        await until(published(broker, aggregates[0].kind, 1))
    assert aggregates[2].kind.relayed is False
    assert "trace" not in (await store["commits"].get(["ballot:1@1"]))["ballot:1@1"]


async def test_a_standby_takes_over_what_a_killed_owner_left(
    store: MongoStore, broker: KafkaBroker, aggregates: list[Aggregate[object]]
) -> None:
    log = EventLog(store, aggregates)
    killed = Follower(store, broker, aggregates, "killed", term=0.6)
    task = asyncio.create_task(killed.run())
    await open_gate(log, GATE)
    await until(sees(store, "gates", GATE, 1))
    killed._lease.release = lambda: asyncio.sleep(0)  # type: ignore[method-assign] # a killed process releases nothing
    await end([task])
    await add(log, NOTE, GATE, "lamp")
    async with following(store, broker, aggregates, "standby") as standby:
        await until(sees(store, "notes", NOTE, 1))
        assert standby.owns
        await until(published(broker, aggregates[1].kind, 1))


async def test_only_one_of_two_followers_follows(
    store: MongoStore, broker: KafkaBroker, aggregates: list[Aggregate[object]]
) -> None:
    async with (
        following(store, broker, aggregates, "one", term=2) as one,
        following(store, broker, aggregates, "two", term=2) as two,
    ):

        async def one_follows() -> bool:
            assert not (one.owns and two.owns)
            return one.owns != two.owns

        await until(one_follows)
        for _ in range(50):  # a second in which the other would take it, if it could
            await one_follows()
            await asyncio.sleep(0.02)
        await until(one_follows)


async def test_the_log_can_be_published_again_and_the_audit_finds_nothing_missing_then(
    store: MongoStore, broker: KafkaBroker, aggregates: list[Aggregate[object]]
) -> None:
    log, kinds = EventLog(store, aggregates), [aggregate.kind for aggregate in aggregates]
    await open_gate(log, GATE)
    await add(log, NOTE, GATE, "lamp")
    assert await publish_missing(store["commits"], broker, kinds) == 2
    assert await publish_missing(store["commits"], broker, kinds) == 0
    assert await replay(store["commits"], broker, kinds, NOTE) == 1
    assert len(await on_topic(broker, aggregates[1].kind)) == 2


async def test_the_view_forgets_an_erased_person_too(
    store: MongoStore, broker: KafkaBroker, aggregates: list[Aggregate[object]]
) -> None:
    log = EventLog(store, aggregates)
    async with following(store, broker, aggregates, "one"):
        await open_gate(log, GATE)
        await add(log, NOTE, GATE, "lamp", text="at number 5")
        await until(sees(store, "notes", NOTE, 1))
        await erase(store, log, CITIZEN, command("erase"))
        await until(sees(store, "notes", NOTE, 2))
    assert "number 5" not in str(await store["notes"].get([NOTE]))


async def test_a_bug_is_named_in_public_without_what_it_quotes() -> None:
    def evolve(note: domain.Note | None, event: Event) -> domain.Note:
        raise ValueError(f"no such note: {event}, at number 5")

    store = MemoryStore(MemoryServer())
    log = EventLog(store, domain.AGGREGATES)
    await open_gate(log, GATE)
    await add(log, NOTE, GATE, "lamp", text="at number 5")
    broken = [replace(domain.BY_KIND["note"], evolve=evolve)]
    follower = Follower(store, MemoryBroker(Cluster()), broken, "one", term=0.6)  # type: ignore[arg-type]
    task = asyncio.create_task(follower.run())
    await until(lambda: _true((follower.trouble or "").startswith("it fails")))
    assert follower.trouble == "it fails: ValueError"
    await end([task])


async def _true(value: bool) -> bool:
    return value


async def test_a_forged_record_does_not_stand_for_a_missing_one_in_the_audit(
    store: MongoStore, broker: KafkaBroker, aggregates: list[Aggregate[object]]
) -> None:
    log, kinds = EventLog(store, aggregates), [aggregate.kind for aggregate in aggregates]
    await open_gate(log, GATE)
    commit = (await store["commits"].get([f"{GATE}@1"]))[f"{GATE}@1"]
    kind = next(kind for kind in kinds if kind.name == "gate")
    event, odd = commit["events"][0], "f" * 64
    attributes = attributes_of(kind, commit, 1, event["type"], event["data"])
    own = chain_hash(odd, attributes, canonical(event["data"]))
    sender = await broker.sender()
    await sender.send(records_of(kind, commit | {"prev": odd, "events": [event | {"hash": own}]}))
    another = commit | {"actor": "somebody else"}  # a first event has no history that it could not fit
    own = chain_hash("", attributes_of(kind, another, 1, event["type"], event["data"]), canonical(event["data"]))
    await sender.send(records_of(kind, another | {"events": [event | {"hash": own}]}))
    await sender.close()
    assert await publish_missing(store["commits"], broker, kinds) == 1
    assert await publish_missing(store["commits"], broker, kinds) == 0


async def test_rows_of_another_state_version_are_folded_anew_without_a_new_commit(
    store: MongoStore, broker: KafkaBroker, aggregates: list[Aggregate[object]]
) -> None:
    await open_gate(EventLog(store, aggregates), GATE)
    view = store[next(aggregate for aggregate in aggregates if aggregate.kind.name == "gate").view]

    async def state_version() -> int:
        return int((await view.get([GATE])).get(GATE, {"state_version": 0})["state_version"])

    async def written() -> bool:
        found = await store["checkpoints"].get(["views"])
        return "state_versions" in found.get("views", {})

    async with following(store, broker, aggregates, "one"):
        await until(lambda: _is(state_version, 1))
        await until(written)
    async with following(store, broker, [replace(one, state_version=2) for one in aggregates], "two"):
        await until(lambda: _is(state_version, 2))


async def _is(look: Callable[[], Awaitable[int]], wanted: int) -> bool:
    return await look() == wanted
