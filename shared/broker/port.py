"""The broker as the platform sees it. `kafka.py` speaks to Kafka; the simulation has one in memory; both pass the same tests."""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

UNREADABLE = "\ufffd"
"""Begins the name of a header whose name was not UTF-8; its bytes follow, escaped."""


class BrokerAway(Exception):
    """The broker did not acknowledge in time. Records may or may not be on the topic: treat them as not published."""


class Outgoing(NamedTuple):
    """A record to send."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class Incoming(NamedTuple):
    """A record as read from a topic, whatever its bytes. aiokafka's ConsumerRecord has the same names."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int = 0  # milliseconds


class Sender(Protocol):
    """A producer that is thrown away on the first failure."""

    async def cluster_id(self) -> str:
        """The id of the cluster that this sender sends to, and no other. Raises BrokerAway."""

    async def send(self, records: Sequence[Outgoing]) -> dict[tuple[str, int], tuple[int, int]]:
        """Send in order per key; once all are acknowledged by all replicas: {(topic, partition): (first offset, last offset)}.

        Raises BrokerAway; then nothing is known of any record.
        """

    async def close(self) -> None: ...


class Broker(Protocol):
    """A Kafka cluster."""

    async def sender(self) -> Sender:
        """A fresh producer. Raises BrokerAway."""

    async def cluster_id(self) -> str:
        """Raises BrokerAway."""

    def read(self, topic: str) -> AsyncIterator[list[Incoming]]:
        """The whole topic raw, up to the last record that was there when the reading began; partitions in order.

        Raises BrokerAway.
        """

    async def close(self) -> None: ...
