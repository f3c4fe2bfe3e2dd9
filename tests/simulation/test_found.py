"""Holes that the simulation found, each kept shut by the smallest story that shows it."""

import asyncio
from datetime import UTC, datetime
from random import Random

import pytest

from shared.broker.port import BrokerAway
from shared.command import Command
from shared.consumption.consumer import Consumer, Mode
from shared.consumption.origin import Origin
from shared.consumption.rebuild import Rebuild
from shared.consumption.shell import Shell
from shared.contracts.base import Private
from shared.contracts.cloudevents import Record, records_of
from shared.eventlog.erasing import erase
from shared.eventlog.log import EventLog
from shared.follower.checkpoint import Checkpoint
from shared.follower.relay import Relay
from shared.refusals import Unavailable
from shared.store.port import StoreAway
from tests.simulation import domain
from tests.simulation.broker import Cluster, MemoryBroker
from tests.simulation.processes import board
from tests.simulation.store import MemoryServer, MemoryStore
from tests.simulation.world import forged


def command(key: str) -> Command:
    return Command(key, key, "client", datetime(2026, 11, 23, tzinfo=UTC), started=asyncio.get_running_loop().time())


async def test_two_commands_that_meet_the_same_cold_stream_both_decide_on_what_it_really_is() -> None:
    """The one that came second judged the gate as unknown, saw no news of its own, and refused (protocol.md D6)."""
    server = MemoryServer()
    await EventLog(MemoryStore(server), domain.AGGREGATES).decide("gate:g", domain.open_gate, command("open"))
    cold = EventLog(MemoryStore(server), domain.AGGREGATES)
    text = Private("0" * 64, "00" * 16, "x")

    async def add(person: str, delay: int) -> int:
        for _ in range(delay):
            await asyncio.sleep(0)
        rule = lambda note, gate: domain.add(note, gate, ("i",), text)  # noqa: E731
        return (await cold.decide(f"note:{person}", rule, command(person), sees=["gate:g"])).version

    for turn in range(8):
        cold = EventLog(MemoryStore(server), domain.AGGREGATES)
        assert await asyncio.gather(add(f"a{turn}", 0), add(f"b{turn}", turn)) == [1, 1]


async def test_two_erasures_at_once_are_one() -> None:
    """Both looked before either had its turn, and the stream was told twice."""
    server = MemoryServer()
    store = MemoryStore(server)
    log = EventLog(store, domain.AGGREGATES)
    await log.decide("gate:g", domain.open_gate, command("open"))
    rule = lambda note, gate: domain.add(note, gate, ("i",), Private("0" * 64, "00" * 16, "x"))  # noqa: E731
    await log.decide("note:p", rule, command("add"), sees=["gate:g"])
    await asyncio.gather(*(erase(store, log, "p", command("erase")) for _ in range(3)))
    assert (await log.read("note:p")).version == 2
    assert (await store["commits"].get(["note:p@1"]))["note:p@1"].get("private") is None


async def topic_with(cluster: Cluster, *versions: int) -> None:
    """Records of one stream's log on the topic, in the order of the versions named."""
    store = MemoryStore(MemoryServer())
    log = EventLog(store, domain.AGGREGATES)
    for n, rule in enumerate((domain.open_gate, domain.close_gate, domain.open_gate, domain.close_gate)):
        await log.decide("gate:g", rule, command(str(n)))
    for version in versions:
        commit = (await store["commits"].get([f"gate:g@{version}"]))[f"gate:g@{version}"]
        for out in records_of(domain.GATE, commit):
            cluster.append((out.topic, 0), out.key, out.value, out.headers)


def board_cluster() -> Cluster:
    cluster = Cluster()
    for kind in (domain.GATE, domain.NOTE):
        cluster.create(kind.topic, 1)
    return cluster


async def test_what_is_dead_does_not_die_again_in_a_rebuild() -> None:
    """The rebuild gave the cluster another name, so the same record got a second document (C1, C2)."""
    cluster, store = board_cluster(), MemoryStore(MemoryServer())
    await topic_with(cluster, 1, 2)
    cluster.append((domain.GATE.topic, 0), b"gate:g", b"{", [])
    await Shell(board(), store).settle(cluster.everything(domain.GATE.topic), cluster.id)
    rebuilt = await Rebuild(board(), store, MemoryBroker(cluster)).run()
    assert rebuilt.equal
    assert len(await store["dead"].find({})) == 1


async def test_a_rebuild_leaves_the_live_views_parked_records_alone() -> None:
    """It applied to its own generation what the live view had parked, marked it done, and the live view waited on."""
    cluster, store = board_cluster(), MemoryStore(MemoryServer())
    await topic_with(cluster, 1, 2, 3, 4)
    records = cluster.everything(domain.GATE.topic)
    live, beside = Shell(board(), store), Shell(board(), store, generation=2)
    await live.settle([records[0], records[2]], cluster.id)
    await beside.settle([records[0], records[1]], cluster.id)
    await live.settle([records[1], records[3]], cluster.id)
    assert (await store["board"].get(["gate:g"]))["gate:g"]["seen"] == [1, 2, 3, 4]
    assert (await store["board.g2"].get(["gate:g"]))["gate:g"]["seen"] == [1, 2]


async def test_a_parked_record_keeps_its_name_when_another_cluster_takes_the_place_of_its_own() -> None:
    """It was buried under the id of the cluster of the batch that happened to move its stream's guard: twice (C2)."""
    cluster, store = board_cluster(), MemoryStore(MemoryServer())
    await topic_with(cluster, 1, 2, 3)
    far = cluster.append((domain.GATE.topic, 0), *forged("forged-far", "gate:g", -1, Random(1)))
    records = cluster.everything(domain.GATE.topic)
    shell = Shell(board(), store)
    await shell.settle([far], "before")
    await shell.settle(records[:3], "after")
    assert [d["cluster"] for d in await store["dead"].find({})] == ["before"]


async def test_a_batch_that_spans_two_clusters_is_read_again() -> None:
    """It was fetched from the one and named after the other, and so were its dead."""
    cluster = board_cluster()
    origin = Origin(MemoryBroker(cluster))
    await origin.begin()
    assert await origin.of_batch() == "cluster-1"
    cluster.empty(new_id=True)
    with pytest.raises(BrokerAway):
        await origin.of_batch()
    assert await origin.of_batch() == "cluster-2"


async def test_a_deciding_consumer_whose_own_log_is_unavailable_says_that_the_store_is_away() -> None:
    """`Unavailable` left the shell instead: the batch was read again without a pause, and the sweeper died of it."""
    cluster, server = board_cluster(), MemoryServer()
    await topic_with(cluster, 1)
    consumer = Consumer("echo", kinds=(domain.GATE,), mode=Mode.DECIDES)

    @consumer.on(domain.GateOpened)
    async def decide(event: domain.GateOpened, record: Record, log: EventLog) -> None:
        raise Unavailable("the store is away")

    with pytest.raises(StoreAway):
        await Shell(consumer, MemoryStore(server)).settle(cluster.everything(domain.GATE.topic), cluster.id)


async def test_the_relay_does_not_join_the_shared_cursor_in_the_middle_of_a_scan() -> None:
    """A scan is in the store's order: what lay before the place of joining was never published."""
    cluster, store = board_cluster(), MemoryStore(MemoryServer())
    log = EventLog(store, domain.AGGREGATES)
    for gate in "abc":
        await log.decide(f"gate:{gate}", domain.open_gate, command(gate))
    commits = {doc["_id"]: doc for doc in await store["commits"].find({})}
    checkpoint = Checkpoint(store["checkpoints"], "relay")
    await checkpoint.take_over(1)
    kinds = {aggregate.kind.name: aggregate for aggregate in domain.AGGREGATES}
    relay = Relay(store["commits"], MemoryBroker(cluster), checkpoint, kinds, lambda: None, asyncio.Event().wait)
    relay.offer([commits["gate:c@1"], commits["gate:a@1"], commits["gate:b@1"]], None)
    assert not relay._join("gate:a@1")
    relay.offer([commits["gate:b@1"], commits["gate:c@1"]], {"at": 3})
    assert relay._join("gate:b@1")
    assert [doc["_id"] for docs, _ in relay._queue for doc in docs] == ["gate:c@1"]
