"""Chains verified: the logs of services, their topics, and the two against each other."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.progress import Progress, TaskID

from deploy.cli.reach import Parts, store_of, the_broker
from deploy.cli.words import err
from shared.broker.port import Broker
from shared.chain import Chains, Misfit, differences
from shared.contracts.base import StreamKind
from shared.contracts.cloudevents import Unreadable, read_record
from shared.settings import Settings
from shared.store.port import Collection

Heads = Mapping[str, tuple[int, str]]
PATIENCE = 5.0  # seconds that an event of the log may still be on its way to the topic
CHANGED = "History was changed after it was written, or somebody else wrote to the topic: see docs/operations.md."
MISSING = "Events of the log are not on their topic: hamkke events replay publishes them."


@dataclass
class Verified:
    """What was found: a line for each place looked at, and what does not fit."""

    words: list[str] = field(default_factory=list)
    faults: list[Misfit] = field(default_factory=list)
    missing: bool = False

    @property
    def advice(self) -> str:
        return MISSING if self.missing else CHANGED


async def verify_services(settings: Settings, services: Sequence[Parts], only: str | None) -> Verified:
    """Verify logs, topics and their agreement; `only` one of "log", "topics". Raises StoreAway, BrokerAway."""
    verified = Verified()
    with Progress(console=err, transient=True) as bar:
        for parts in services:
            if parts.aggregates:
                await _verify_service(settings, parts, only, verified, bar)
    return verified


async def _verify_service(
    settings: Settings, parts: Parts, only: str | None, verified: Verified, bar: Progress
) -> None:
    kinds = {aggregate.kind.name: aggregate.kind for aggregate in parts.aggregates}
    relayed = [kind for kind in kinds.values() if kind.relayed]
    log = Chains()
    if only != "topics":
        async with store_of(settings, parts.service) as store:
            log = await verify_log(store["commits"], kinds, bar)
        verified.words.append(f"{parts.service}, log: {log.events:,} events in {log.streams:,} streams")
        verified.faults += log.faults()
    if only == "log" or not relayed:
        return
    async with the_broker(settings) as broker:
        topics = await verify_topics(broker, relayed, bar)
        heads = {
            name: head
            for name, head in log.heads().items()
            if name.partition(":")[0] in {kind.name for kind in relayed}
        }
        late = list(differences(heads, topics.heads()))
        if late and not topics.faults():
            await asyncio.sleep(PATIENCE)
            topics = await verify_topics(broker, relayed, bar)
            late = list(differences(heads, topics.heads()))
        if only is None:
            verified.faults += await _not_in_the_log(settings, parts.service, heads, topics.heads())
    verified.words += [f"{parts.service}, topics: {topics.events:,} records of {topics.streams:,} streams"]
    found = topics.faults()
    verified.missing = bool(late) and not found and not verified.faults
    verified.faults += found + late


async def _not_in_the_log(settings: Settings, service: str, log: Heads, topics: Heads) -> list[Misfit]:
    """Events on a topic that the log does not hold, also when it is asked again: it was read before the topic."""
    ahead = {f"{stream}@{log.get(stream, (0, ''))[0] + 1}": stream for stream in topics}
    ahead = {name: stream for name, stream in ahead.items() if topics[stream][0] > log.get(stream, (0, ""))[0]}
    async with store_of(settings, service) as store:
        found = await store["commits"].get(list(ahead), fields=("stream",))
    reason = "is on the topic and not in the log: was the store restored from an older copy?"
    return [Misfit(stream, int(name.rpartition("@")[2]), reason) for name, stream in ahead.items() if name not in found]


async def verify_log(commits: Collection, kinds: dict[str, StreamKind], bar: Progress) -> Chains:
    """Every commit of a log. Raises StoreAway."""
    chains = Chains()
    total = (await commits.aggregate([{"$count": "count"}]) or [{"count": 0}])[0]["count"]
    task = bar.add_task("log", total=total)
    async for found in commits.scan(without=("private", "command_hash")):
        for commit in found:
            chains.take_commit(commit, kinds)
        bar.advance(task, len(found))
    return chains


async def verify_topics(broker: Broker, kinds: Sequence[StreamKind], bar: Progress) -> Chains:
    """Every record of these topics. Raises BrokerAway."""
    chains = Chains()
    for kind in kinds:
        task: TaskID = bar.add_task(kind.topic, total=None)
        async for raws in broker.read(kind.topic):
            for raw in raws:
                try:
                    chains.take_record(read_record(raw))
                except Unreadable as why:
                    chains.take_unreadable(f"{raw.topic}[{raw.partition}]", raw.offset, str(why))
            bar.advance(task, len(raws))
    return chains
