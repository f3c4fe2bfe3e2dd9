"""The audit: what is in the log and not on the topic is published (protocol.md F5).

It reads the topic, since nothing else knows what is on it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence, Set

from shared.broker.port import Broker, BrokerAway, Outgoing
from shared.contracts.base import StreamKind, kind_of
from shared.contracts.cloudevents import Unreadable, read_record, records_of
from shared.follower.source import scan
from shared.store.port import Collection

AT_ONCE = 1_000  # records a send


async def on_topics(broker: Broker, kinds: Sequence[StreamKind]) -> set[str]:
    """The hashes of all events on the topics of these kinds. Raises BrokerAway.

    Each hash covers the whole history before it, so a forged record does not stand for a true one that is missing.
    """
    present: set[str] = set()
    for kind in kinds:
        async for records in broker.read(kind.topic):
            for raw in records:
                try:
                    present.add(read_record(raw).hash)
                except Unreadable:
                    continue  # poison is the consumers' business
    return present


async def publish_missing(commits: Collection, broker: Broker, kinds: Sequence[StreamKind]) -> int:
    """Compare log and topics, publish what is missing; how many records. Raises StoreAway, BrokerAway."""
    relayed = {kind.name: kind for kind in kinds if kind.relayed}
    cluster = await broker.cluster_id()
    present = await on_topics(broker, list(relayed.values()))
    return await _publish(broker, _missing(commits, relayed, present), cluster)


async def replay(commits: Collection, broker: Broker, kinds: Sequence[StreamKind], stream: str | None = None) -> int:
    """Publish the log again, or one stream of it; consumers drop what they know. How many records."""
    relayed = {kind.name: kind for kind in kinds if kind.relayed}
    return await _publish(broker, _missing(commits, relayed, set(), stream))


async def _missing(
    commits: Collection, kinds: Mapping[str, StreamKind], present: Set[str], only: str | None = None
) -> AsyncIterator[list[Outgoing]]:
    async for found in scan(commits):
        yield [
            record
            for commit in found
            if only in (None, commit["stream"])
            and any(event["hash"] not in present for event in commit["events"])
            and (kind := kinds.get(kind_of(commit["stream"])))
            for record in records_of(kind, commit)
        ]


async def _publish(broker: Broker, batches: AsyncIterator[list[Outgoing]], cluster: str | None = None) -> int:
    """`cluster`: the only one that may get them; what is missing on one is not what is missing on another."""
    published = 0
    sender = await broker.sender()
    try:
        if cluster not in (None, await sender.cluster_id()):
            raise BrokerAway("it was emptied meanwhile")
        async for records in batches:
            for start in range(0, len(records), AT_ONCE):
                await sender.send(records[start : start + AT_ONCE])
            published += len(records)
    finally:
        await sender.close()
    return published
