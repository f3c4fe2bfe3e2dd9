"""The log published again, with a bar that shows how far it is."""

from collections.abc import AsyncIterator, Callable, Sequence

from rich.progress import Progress

from deploy.cli.reach import Parts, store_of, the_broker
from deploy.cli.words import err
from shared.broker.port import Broker, Incoming, Outgoing, Sender
from shared.contracts.base import kind_of
from shared.follower.audit import replay
from shared.settings import Settings
from shared.store.port import Collection


async def replay_services(settings: Settings, services: Sequence[Parts], stream: str | None) -> int:
    """Publish the logs of these services again, or one stream; how many records. Raises StoreAway, BrokerAway."""
    sent = 0
    async with the_broker(settings) as broker:
        with Progress(console=err, transient=True) as bar:
            for parts in services:
                kinds = [aggregate.kind for aggregate in parts.aggregates if aggregate.kind.relayed]
                if not kinds or (stream and kind_of(stream) not in {kind.name for kind in kinds}):
                    continue
                async with store_of(settings, parts.service) as store:
                    total = await _events(store["commits"], stream)
                    task = bar.add_task(f"{parts.service}: publishing", total=total)
                    counted = Counted(broker, lambda n, task=task: bar.advance(task, n))  # type: ignore[misc]
                    sent += await replay(store["commits"], counted, kinds, stream)
    return sent


async def _events(commits: Collection, stream: str | None) -> int:
    where = {"stream": stream} if stream else None
    return sum(
        [c["last"] - c["first"] + 1 async for found in commits.scan(where, fields=("first", "last")) for c in found]
    )


class Counted:
    """A broker whose senders say how many records were acknowledged."""

    def __init__(self, broker: Broker, acknowledged: Callable[[int], None]) -> None:
        self._broker, self._acknowledged = broker, acknowledged

    async def sender(self) -> Sender:
        return CountedSender(await self._broker.sender(), self._acknowledged)

    async def cluster_id(self) -> str:
        return await self._broker.cluster_id()

    def read(self, topic: str) -> AsyncIterator[list[Incoming]]:
        return self._broker.read(topic)

    async def close(self) -> None:
        await self._broker.close()


class CountedSender:
    """Passes everything on, and counts."""

    def __init__(self, sender: Sender, acknowledged: Callable[[int], None]) -> None:
        self._sender, self._acknowledged = sender, acknowledged

    async def cluster_id(self) -> str:
        return await self._sender.cluster_id()

    async def send(self, records: Sequence[Outgoing]) -> dict[tuple[str, int], tuple[int, int]]:
        offsets = await self._sender.send(records)
        self._acknowledged(len(records))
        return offsets

    async def close(self) -> None:
        await self._sender.close()
