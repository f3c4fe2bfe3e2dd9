"""Topics, from the contracts. Created here and nowhere else, never by accident."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import CreateTopicsRequest

from deploy.local.trouble import Trouble
from shared.contracts.catalogue import published

THERE_ALREADY = 36
CONFIGS = [("retention.ms", "-1"), ("cleanup.policy", "delete"), ("max.message.bytes", "1048588")]
"""The topics are the history: nothing is ever dropped from them."""


def names() -> list[str]:
    """Every topic of the contracts."""
    return [kind.topic for kind in published()]


async def apply(
    bootstrap: Sequence[str],
    partitions: int,
    topics: Iterable[str] | None = None,
    replication: int = 1,
    patience: float = 5.0,
) -> list[str]:
    """Create the topics that are missing; which ones were made. Raises Trouble after `patience` seconds without success.

    Talks to the bootstrap address alone and follows no advertised one, so a proxy between the services and the broker
    (or a broker that nobody may reach yet) makes no difference.
    """
    wanted = list(names() if topics is None else topics)
    until, reason = time.monotonic() + patience, "no answer"
    while time.monotonic() < until:
        for address in bootstrap:
            try:
                return await _create(address, wanted, partitions, replication)
            except (KafkaError, OSError, TimeoutError) as error:
                reason = str(error) or type(error).__name__
        await asyncio.sleep(0.02)
    raise Trouble(
        f"The topics could not be made: the broker at {', '.join(bootstrap)} does not answer as it should ({reason})."
    )


async def _create(address: str, wanted: list[str], partitions: int, replication: int) -> list[str]:
    host, _, port = address.rpartition(":")
    connection = await create_conn(host, int(port), request_timeout_ms=5000)
    try:
        requests: list[Any] = [(topic, partitions, replication, [], CONFIGS) for topic in wanted]
        answer = await connection.send(CreateTopicsRequest(requests, 5000, False))
    finally:
        connection.close()
    errors = {row[0]: row[1] for row in answer.topic_errors}
    bad = {topic: code for topic, code in errors.items() if code not in (0, THERE_ALREADY)}
    if bad or len(errors) != len(wanted):
        raise KafkaError(f"error codes {bad}")
    return [topic for topic, code in errors.items() if code == 0]
