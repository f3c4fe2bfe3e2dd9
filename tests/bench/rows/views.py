"""Events per second into a view: one stream each, and 100 events a stream; and the rebuild of a view from its topic."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from faststream.kafka import KafkaBroker as FastStreamBroker

from shared.broker.kafka import KafkaBroker
from shared.broker.port import Incoming
from shared.consumption.consumer import Consumer, Mode
from shared.consumption.rebuild import Rebuild
from shared.consumption.shelf import Shelf
from shared.consumption.shell import Shell
from shared.consumption.subscribers import Subscribers
from shared.contracts.cloudevents import Record, records_of
from shared.contracts.recruitment import APPLICATION, ApplicationSubmitted, ApplicationWithdrawn
from shared.store.mongo import MongoStore
from tests.bench import made
from tests.bench.bench import Bench
from tests.bench.burst import burst, rate
from tests.bench.meter import Meter
from tests.bench.place import fresh, servers
from tests.bench.plain.view import document
from tests.bench.report import Row, Sample, at_least
from tests.bench.rounds import alternate

seen = Consumer("applications_seen", kinds=[APPLICATION], mode=Mode.KEEPS)


@seen.on(ApplicationSubmitted)
@seen.on(ApplicationWithdrawn)
def note(before: dict[str, Any] | None, event: Any, record: Record) -> dict[str, Any]:
    """The same document as the plain view's."""
    return document(record.stream, record.type, event)


async def into_a_view(bench: Bench) -> list[Row]:
    """Two rows."""
    size = bench.size(5_000)
    one_each = await _ingested(bench, "view_one_stream_each", size, 1)
    return [one_each, await _ingested(bench, "view_100_events_a_stream", max(1, size // 100), 100)]


async def rebuilt(bench: Bench) -> list[Row]:
    """A view of 100,000 commits, one a stream, filled again from its topic, compared and switched in."""
    events = bench.size(100_000)
    async with servers(bench.store) as place:
        await burst("rows.views:publish", place.where() | {"streams": events, "each": 1})
        live = {"database": fresh("view"), "events": events}
        await burst("rows.views:fill", place.where() | live)

        async def baseline(number: int) -> Sample:
            more = {"database": fresh("view"), "events": events, "topic": APPLICATION.topic}
            return rate(await burst("plain.view:rebuild", place.where() | more))

        async def candidate(number: int) -> Sample:
            return rate(await burst("rows.views:rebuild", place.where() | live))

        rounds = await alternate(bench.rounds, baseline, candidate, bench.step)
    return [at_least(bench.name("rebuild_100000"), "events/s", rounds, 0.70)]


async def _ingested(bench: Bench, name: str, streams: int, each: int) -> Row:
    events = streams * each
    async with servers(bench.store) as place:
        await burst("rows.views:publish", place.where() | {"streams": streams, "each": each})

        def arguments() -> dict[str, Any]:
            return place.where() | {"database": fresh("view"), "group": fresh("group"), "events": events}

        async def baseline(number: int) -> Sample:
            return rate(await burst("plain.view:ingest", arguments() | {"topic": APPLICATION.topic}))

        async def candidate(number: int) -> Sample:
            return rate(await burst("rows.views:ingest", arguments()))

        rounds = await alternate(bench.rounds, baseline, candidate, bench.step)
    return at_least(bench.name(name), "events/s", rounds, 0.70)


# In the burst's process


async def publish(store_uri: str, bootstrap: str, pids: dict[str, int], streams: int, each: int) -> dict[str, Any]:
    """Fill the topic as a relay would."""
    sender = await KafkaBroker([bootstrap], idempotent=False).sender()
    async for commits in made.batches(streams, each):
        for start in range(0, len(commits), 1_000):
            records = [
                record for commit in commits[start : start + 1_000] for record in records_of(APPLICATION, commit)
            ]
            await sender.send(records)
    await sender.close()
    return {}


async def ingest(
    store_uri: str, bootstrap: str, pids: dict[str, int], database: str, group: str, events: int
) -> dict[str, Any]:
    """Through FastStream and the shell, from the first batch handed over to the last one settled."""
    store, meter, whole = MongoStore.connect(store_uri, database), Meter(pids), asyncio.Event()
    await Shelf(store).prepare()

    class Measured(Shell):
        async def settle(self, raws: Iterable[Incoming], cluster: str) -> None:
            if not self.counts:
                meter.__enter__()
            await super().settle(raws, cluster)
            if self.counts["applied"] >= events and not whole.is_set():
                meter.__exit__()
                whole.set()

    stream_broker = FastStreamBroker([bootstrap], logger=None)
    broker = KafkaBroker([bootstrap], idempotent=False, fetch_wait=0.02)
    subscribers = Subscribers(group, [Measured(seen, store)], stream_broker, broker, fetch_wait_ms=20)
    await _until(whole, subscribers.run)
    await broker.close()
    await store.close()
    return meter.result(events)


async def fill(store_uri: str, bootstrap: str, pids: dict[str, int], database: str, events: int) -> dict[str, Any]:
    """The live view beside which the rebuild works."""
    store, broker = MongoStore.connect(store_uri, database), KafkaBroker([bootstrap], False, fetch_wait=0.02)
    await Shelf(store).prepare()
    shell = Shell(seen, store)
    async for records in broker.read(APPLICATION.topic):
        await shell.settle(records, await broker.cluster_id())
    await broker.close()
    await store.close()
    return dict(shell.counts)


async def rebuild(store_uri: str, bootstrap: str, pids: dict[str, int], database: str, events: int) -> dict[str, Any]:
    """`hamkke views rebuild`, to the switch and the last look after it."""
    store, broker = MongoStore.connect(store_uri, database), KafkaBroker([bootstrap], False, fetch_wait=0.02)
    with Meter(pids) as meter:
        done = await Rebuild(seen, store, broker).run()
    await broker.close()
    await store.close()
    if not done.equal or done.documents != events:
        raise RuntimeError(f"the rebuilt view is not the live one: {done}")
    return meter.result(events)


async def _until(done: asyncio.Event, run: Callable[[], Any]) -> None:
    running = asyncio.create_task(run())
    waiting = asyncio.create_task(done.wait())
    await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
    if running.done():
        running.result()
    running.cancel()
    await asyncio.wait([running])
