"""Consumption over real sockets: each of the six cases, the dead, the parked, and a store that is away."""
# ruff: noqa: ASYNC110 - what is waited for happens in a server, not in a task of ours

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker as FastStreamBroker

from shared.broker.kafka import KafkaBroker
from shared.broker.port import Outgoing
from shared.canonical import canonical
from shared.consumption.consumer import Consumer, Mode
from shared.consumption.rebuild import Rebuild
from shared.consumption.shell import Shell
from shared.consumption.subscribers import Subscribers
from shared.contracts.base import Code, Event, StreamKind
from shared.contracts.cloudevents import Record, attributes_of, chain_hash, records_of
from shared.store.mongo import MongoStore
from shared.store.port import Doc
from shared.together import end
from tests.support.servers import EmbeddedBroker, EmbeddedStore
from tests.support.topics import create_topic


class Said(Event):
    """Somebody said a word."""

    word: Code


class Unheard(Event):
    """Nobody here handles this."""


@dataclass
class World:
    """A topic, a consumer that collects the words of each stream, and what the topic's owner would publish."""

    store: MongoStore
    broker: KafkaBroker
    bootstrap: list[str]
    kind: StreamKind
    words: Consumer
    shell: Shell
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)

    def says(self, stream: str, *words: str) -> list[Outgoing]:
        """The next records of a stream, in order."""
        return [self.publish(stream, Said.__name__, {"word": word}) for word in words]

    def publish(
        self, stream: str, name: str, data: Doc, version: int = 1, time: str = "2026-02-09T09:00:00.000Z"
    ) -> Outgoing:
        last, prev = self.heads.get(stream, (0, ""))
        event_type = f"hamkke.{self.kind.service}.{name}.v{version}"
        commit: Doc = {"stream": stream, "first": last + 1, "time": time, "at": time, "actor": "a", "prev": prev}
        own = chain_hash(prev, attributes_of(self.kind, commit, last + 1, event_type, data), canonical(data))
        self.heads[stream] = (last + 1, own)
        commit["events"] = [{"type": event_type, "data": data, "hash": own}]
        return records_of(self.kind, commit)[0]

    async def send(self, *records: Outgoing) -> None:
        sender = await self.broker.sender()
        await sender.send(records)
        await sender.close()

    async def heard(self, stream: str) -> list[str]:
        found = await self.store["words"].get([stream])
        return found[stream]["words"] if stream in found else []

    async def dead(self) -> list[Doc]:
        return await self.store["dead"].find({})

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[Subscribers]:
        faststream = FastStreamBroker(self.bootstrap, logger=None, apply_types=False, allow_auto_create_topics=False)
        subscribers = Subscribers(self.kind.service, [self.shell], faststream, self.broker, fetch_wait_ms=20)
        task = asyncio.create_task(subscribers.run())
        yield subscribers
        await end([task])

    async def deliver(self) -> None:
        """Settle the whole topic once more, as after any restart."""
        async for batch in self.broker.read(self.kind.topic):
            await self.shell.settle(batch, await self.broker.cluster_id())

    async def until_heard(self, stream: str, words: list[str], seconds: float = 60) -> None:
        async with asyncio.timeout(seconds):
            while await self.heard(stream) != words:
                await asyncio.sleep(0.05)


async def make_world(store: MongoStore, broker: KafkaBroker, bootstrap: list[str], name: str) -> World:
    kind = StreamKind(name, "talk", (Said, Unheard))
    Said.TYPE, Unheard.TYPE = f"hamkke.{name}.Said.v1", f"hamkke.{name}.Unheard.v1"
    await create_topic(bootstrap, kind.topic)
    words = Consumer("words", kinds=[kind], mode=Mode.KEEPS)

    @words.on(Said)
    def collect(document: Doc | None, event: Said, record: Record) -> Doc:
        if event.word == "boom":
            raise RuntimeError("a bug in the consumer")
        return {"words": [*(document["words"] if document else []), event.word]}

    shell = Shell(words, store)
    await shell.prepare()
    return World(store, broker, bootstrap, kind, words, shell)


@pytest.fixture
async def world(store: MongoStore, broker: KafkaBroker, embedded_broker: EmbeddedBroker, fresh_name: str) -> World:
    return await make_world(store, broker, embedded_broker.bootstrap, fresh_name)


async def test_records_are_applied_in_order_and_the_group_remembers_how_far(world: World) -> None:
    await world.send(*world.says("talk:1", "one", "two", "three"))
    async with world.consuming() as subscribers:
        await world.until_heard("talk:1", ["one", "two", "three"])
        async with asyncio.timeout(60):
            while await committed(world) != 3:
                await asyncio.sleep(0.05)
        assert sum(subscribers.lag().values()) == 0


async def committed(world: World) -> int:
    reader = AIOKafkaConsumer(bootstrap_servers=world.bootstrap, group_id=f"hamkke.{world.kind.service}.words")
    await reader.start()
    try:
        offsets = [await reader.committed(TopicPartition(world.kind.topic, n)) for n in range(3)]
        return sum(offset or 0 for offset in offsets)
    finally:
        await reader.stop()


async def test_one_bad_header_among_five_hundred_is_one_dead_record_and_nothing_else(world: World) -> None:
    good = [record for n in range(499) for record in world.says(f"talk:{n}", "word")]
    bad = good[250]._replace(headers=[*good[250].headers, ("ce_type", b"\xff\xfe")])
    await world.send(*good[:250], bad, *good[250:])
    async with world.consuming(), asyncio.timeout(90):
        while len(await world.store["words"].find({})) < 499:
            await asyncio.sleep(0.05)
    [dead] = await world.dead()
    assert dead["reason"] == "header repeated: ce_type"
    assert dead["value"] == good[250].value


async def test_a_version_beyond_the_next_waits_for_the_missing_one(world: World) -> None:
    first, second, third = world.says("talk:1", "one", "two", "three")
    await world.send(first, third)
    await world.deliver()
    assert await world.heard("talk:1") == ["one"]
    await world.send(second)
    await world.deliver()
    assert await world.heard("talk:1") == ["one", "two", "three"]
    assert await world.dead() == []


async def test_a_forged_version_is_dead_once_and_the_true_one_still_comes(world: World) -> None:
    first, second = world.says("talk:1", "one", "two")
    world.heads["talk:1"] = (1, "0" * 64)
    [forged] = world.says("talk:1", "lie")
    await world.send(first, forged)
    await world.deliver()
    assert await world.heard("talk:1") == ["one"]
    await world.send(second)
    await world.deliver()
    assert await world.heard("talk:1") == ["one", "two"]
    assert [dead["reason"] for dead in await world.dead()] == ["history does not match"]


async def test_a_type_nobody_handles_moves_the_guard(world: World) -> None:
    records = [*world.says("talk:1", "one"), world.publish("talk:1", "Unheard", {}), *world.says("talk:1", "three")]
    await world.send(*records)
    await world.deliver()
    assert await world.heard("talk:1") == ["one", "three"]
    assert world.shell.counts["passed_over"] == 1


async def test_an_unknown_major_version_is_dead_and_the_guard_stays(world: World) -> None:
    await world.send(world.publish("talk:1", "Said", {"word": "one"}, version=2))
    await world.deliver()
    assert (await world.dead())[0]["reason"].startswith("unknown major version")
    assert await world.heard("talk:1") == []


async def test_headers_we_do_not_know_change_nothing_and_nothing_is_sent_back(world: World) -> None:
    [record] = world.says("talk:1", "one")
    record = record._replace(headers=[*record.headers, ("reply_to", world.kind.topic.encode()), ("x", b"\xff")])
    async with world.consuming():
        await world.send(record)
        await world.until_heard("talk:1", ["one"])
    assert sum([len(batch) async for batch in world.broker.read(world.kind.topic)]) == 1


async def test_a_tombstone_is_dead_once_and_does_not_stop_the_partition(world: World) -> None:
    [record] = world.says("talk:1", "one")
    await send_a_tombstone(world, record.key)
    await world.send(record)
    await world.deliver()
    await world.deliver()
    assert await world.heard("talk:1") == ["one"]
    assert [dead["reason"] for dead in await world.dead()] == ["no value (a tombstone)"]


async def send_a_tombstone(world: World, key: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=world.bootstrap)
    await producer.start()
    await producer.send_and_wait(world.kind.topic, None, key=key)
    await producer.stop()


async def test_a_failing_function_parks_its_stream_while_others_flow(world: World) -> None:
    await world.send(*world.says("talk:1", "boom", "after"), *world.says("talk:2", "one"))
    await world.deliver()
    assert await world.heard("talk:2") == ["one"]
    assert await world.heard("talk:1") == []
    reasons = {parked["version"]: parked["reason"] for parked in await world.store["parked"].find({})}
    assert reasons == {1: "failed: RuntimeError: a bug in the consumer", 2: "waits for an earlier version"}


async def test_a_store_that_is_away_costs_no_record(
    own_store: EmbeddedStore, broker: KafkaBroker, embedded_broker: EmbeddedBroker, fresh_name: str
) -> None:
    store = MongoStore.connect(own_store.uri, fresh_name)
    world = await make_world(store, broker, embedded_broker.bootstrap, fresh_name)
    async with world.consuming():
        await world.send(*world.says("talk:1", "one"))
        await world.until_heard("talk:1", ["one"])
        own_store.kill()
        await world.send(*world.says("talk:1", "two", "three"))
        await asyncio.sleep(1)
        own_store.start()
        await world.until_heard("talk:1", ["one", "two", "three"], seconds=90)
    await store.close()


async def test_a_rebuilt_view_equals_the_live_one(world: World) -> None:
    await world.send(*world.says("talk:1", "one", "two"), *world.says("talk:2", "three"))
    async with world.consuming():
        await world.until_heard("talk:1", ["one", "two"])
        await world.until_heard("talk:2", ["three"])
        rebuilt = await Rebuild(world.words, world.store, world.broker).run()
        assert (rebuilt.documents, rebuilt.equal, rebuilt.generation) == (2, True, 2)
        await world.send(*world.says("talk:2", "four"))
        async with asyncio.timeout(60):
            while (await world.store["words.g2"].get(["talk:2"]))["talk:2"]["words"] != ["three", "four"]:
                await asyncio.sleep(0.05)


async def test_a_dead_record_can_be_redriven_and_twice_is_once(world: World) -> None:
    newer = world.publish("talk:1", "Said", {"word": "one"}, version=2)
    await world.send(newer)
    await world.deliver()
    world.words.handlers[newer_type(newer)] = world.words.handlers[Said.TYPE]
    for _ in range(2):
        await world.store["dead"].update({"state": {"$in": ["dead", "redriven"]}}, {"$set": {"state": "redrive"}})
        await world.shell.sweep()
        assert [dead["state"] for dead in await world.dead()] == ["redriven"]
    assert await world.heard("talk:1") == ["one"]


async def test_a_redriven_record_that_is_still_dead_stays_on_the_list(world: World) -> None:
    await world.send(world.publish("talk:1", "Said", {"word": "one"}, version=2))
    await world.deliver()
    await world.store["dead"].update({"state": "dead"}, {"$set": {"state": "redrive"}})
    await world.shell.sweep()
    assert [dead["state"] for dead in await world.dead()] == ["dead"]


async def test_a_gap_that_stays_open_is_said_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    _, second = world.says("talk:1", "one", "two")
    await world.send(second)
    await world.deliver()
    later = Shell(world.words, world.store, clock=lambda: datetime.now(UTC) + timedelta(minutes=2))
    await later.sweep()
    await later.sweep()
    assert [entry.message for entry in caplog.records if "hamkke events replay" in entry.message] == [
        "streams wait for a missing version: hamkke events replay publishes the log again"
    ]


async def test_a_record_that_failed_is_tried_again_however_many_wait_for_others(world: World) -> None:
    waiting = [world.says(f"talk:w{number}", "one", "two")[1] for number in range(501)]
    await world.send(*waiting, *world.says("talk:1", "boom"))
    await world.deliver()
    later = datetime.now(UTC)
    for _ in range(3):
        later += timedelta(seconds=2)
        await Shell(world.words, world.store, clock=lambda now=later: now).sweep()
    [failed] = await world.store["parked"].find({"stream": "talk:1"})
    assert failed["tries"] > 1


async def test_what_waited_and_was_done_with_can_wait_again(world: World) -> None:
    """A rebuild that was broken off, and begun anew: topic order 1, 3, 2."""
    first, second, third = world.says("talk:1", "one", "two", "three")
    await world.send(first, third, second)
    records = [record async for batch in world.broker.read(world.kind.topic) for record in batch]
    cluster = await world.broker.cluster_id()
    for _ in range(2):
        shell = Shell(world.words, world.store, generation=2)
        for record in records:
            await shell.settle([record], cluster)
        assert (await world.store["words.g2"].get(["talk:1"]))["talk:1"]["words"] == ["one", "two", "three"]
        await world.store["words.g2"].drop()


async def test_after_a_restart_a_view_goes_on_in_the_generation_it_was_switched_to(world: World) -> None:
    await world.send(*world.says("talk:1", "one"))
    await world.deliver()
    await Rebuild(world.words, world.store, world.broker).run()
    one, _, three = world.says("talk:2", "one", "two", "three")
    await world.send(one, three)
    restarted = Shell(world.words, world.store)
    async for batch in world.broker.read(world.kind.topic):
        await restarted.settle(batch, await world.broker.cluster_id())
    assert [parked["generation"] for parked in await world.store["parked"].find({})] == [2]


async def test_a_live_view_that_lost_a_document_is_not_called_equal(world: World) -> None:
    await world.send(*world.says("talk:1", "one"))
    await world.deliver()
    await world.store["words"].update({"_id": "talk:1"}, {"$set": {"words": ["changed"]}})
    assert not (await Rebuild(world.words, world.store, world.broker).run()).equal


async def test_a_sweep_that_fails_is_not_the_end_of_the_consumers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([RuntimeError("a driver's word that nobody foresaw")])

    async def sweep() -> None:
        for failure in failures:
            raise failure

    monkeypatch.setattr(world.shell, "sweep", sweep)
    monkeypatch.setattr("shared.consumption.subscribers.SWEEP_EVERY", 0.05)
    async with world.consuming() as subscribers:
        await world.send(*world.says("talk:1", "one"))
        await world.until_heard("talk:1", ["one"])
        await asyncio.sleep(0.3)
        await world.send(*world.says("talk:1", "two"))
        await world.until_heard("talk:1", ["one", "two"])
        assert subscribers.trouble is None


async def test_an_event_whose_time_is_no_moment_is_dead(world: World) -> None:
    await world.send(world.publish("talk:1", "Said", {"word": "one"}, time="yesterday"))
    await world.deliver()
    assert [dead["reason"] for dead in await world.dead()] == ["time is no moment"]
    assert await world.heard("talk:1") == []


async def test_what_was_applied_is_not_counted_as_a_duplicate(world: World) -> None:
    await world.send(*world.says("talk:1", "one", "two"))
    await world.deliver()
    assert world.shell.counts == {"applied": 2}


def newer_type(record: Outgoing) -> str:
    return dict(record.headers)["ce_type"].decode()


def test_every_subscriber_reads_all_from_the_start_by_itself_and_never_answers(world: World) -> None:
    faststream = FastStreamBroker(world.bootstrap, logger=None, apply_types=False)
    subscribers = Subscribers("s", [world.shell], faststream, world.broker)
    for subscriber in faststream.subscribers:
        one: Any = subscriber
        assert one.ack_policy is AckPolicy.NACK_ON_ERROR
        assert one._connection_args["enable_auto_commit"] is False
        assert one._connection_args["auto_offset_reset"] == "earliest"
        assert one._no_reply is True
    assert len({one.group_id for one in faststream.subscribers}) == len(subscribers.shells)  # type: ignore[attr-defined]
