"""Views rebuilt: a consumer's from the topics, blue/green; a main view from the log, row by row in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from deploy.cli.reach import Parts, store_of, the_broker
from deploy.cli.words import err
from deploy.local.trouble import Trouble
from shared.consumption.consumer import Consumer, Mode
from shared.consumption.generations import Generations, suffix
from shared.consumption.rebuild import CannotRebuild, Rebuild
from shared.eventlog.aggregate import Aggregate
from shared.follower.refold import Refold
from shared.settings import Settings
from shared.store.port import Collection


@dataclass(frozen=True)
class Told:
    """What an operator is told of a rebuild."""

    documents: int
    equal: bool
    digest: str
    done: str


async def describe(settings: Settings, services: Sequence[Parts]) -> list[tuple[str, ...]]:
    """(service, view, what feeds it, documents, generation) of every view. Raises StoreAway."""
    rows: list[tuple[str, ...]] = []
    for parts in services:
        async with store_of(settings, parts.service) as store:
            for aggregate in parts.aggregates:
                count = await _count(store[aggregate.view])
                rows.append((parts.service, aggregate.view, "its own log", f"{count:,}", "-"))
            for consumer in parts.consumers:
                if consumer.mode is not Mode.DECIDES:
                    generation = await Generations(store).current(consumer.collection)
                    count = await _count(store[consumer.collection + suffix(generation)])
                    rows.append(
                        (parts.service, consumer.collection, ", ".join(consumer.topics), f"{count:,}", str(generation))
                    )
    return rows


async def rebuild_view(settings: Settings, parts: Parts, view: str) -> Told:
    """Rebuild one view, with progress. Raises Trouble, StoreAway, BrokerAway."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        for aggregate in parts.aggregates:
            if aggregate.view == view:
                return await _rebuild_main(settings, parts.service, aggregate, bar)
        for consumer in parts.consumers:
            if view in (consumer.collection, consumer.name) and consumer.mode is not Mode.DECIDES:
                return await _rebuild_consumed(settings, parts.service, consumer, bar)
    known = [a.view for a in parts.aggregates] + [c.collection for c in parts.consumers if c.mode is not Mode.DECIDES]
    raise Trouble(f"{parts.service} has no view {view}. These exist: {', '.join(known) or 'none'}.")


async def _rebuild_main(settings: Settings, service: str, aggregate: Aggregate[Any], bar: Progress) -> Told:
    async with store_of(settings, service) as store:
        task = bar.add_task("commits read", total=await _count(store["commits"]))
        refolded = await Refold(store, aggregate, lambda n: bar.advance(task, n)).run()
    words = []
    if refolded.repaired:
        words.append(f"{refolded.repaired:,} rows were put right; restart the service, so that none stays in memory.")
    if strangers := refolded.strangers:
        words.append(f"{len(strangers):,} rows have no log, first {strangers[0]}: look with hamkke events verify.")
    return Told(refolded.documents, not words, refolded.digest, " ".join(words) or "Nothing was changed.")


async def _rebuild_consumed(settings: Settings, service: str, consumer: Consumer, bar: Progress) -> Told:
    async with store_of(settings, service) as store, the_broker(settings) as broker:
        task = bar.add_task("records read", total=None)
        try:
            rebuilt = await Rebuild(consumer, store, broker, lambda n: bar.advance(task, n)).run()
        except CannotRebuild as why:
            raise Trouble(f"{consumer.collection} was not rebuilt: {why}. The live view is untouched.") from None
    done = f"Generation {rebuilt.generation} is live now."
    return Told(rebuilt.documents, rebuilt.equal, rebuilt.digest, done)


async def _count(collection: Collection) -> int:
    found = await collection.aggregate([{"$count": "count"}])
    return int(found[0]["count"]) if found else 0
