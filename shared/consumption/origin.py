"""Which cluster a batch was read from. Its id is part of what names a dead or parked record (protocol.md C2)."""

from shared.broker.port import Broker, BrokerAway


class Origin:
    """Asked before anything is read and again with every batch: only if both agree, the batch is surely of that one.

    A batch that was under way while the broker was emptied would else name its records after the new cluster, and a
    record that is dead already would die a second time.
    """

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._known: str | None = None

    async def begin(self) -> None:
        """Call it before the first read. Raises BrokerAway."""
        self._known = await self._broker.cluster_id()

    async def of_batch(self) -> str:
        """The cluster's id; BrokerAway when it is another one than before: then the batch must be read again."""
        cluster = await self._broker.cluster_id()
        before, self._known = self._known, cluster
        if before != cluster:
            raise BrokerAway("another cluster answers than the one before this batch")
        return cluster
