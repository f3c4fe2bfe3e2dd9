"""Consumers on FastStream: one subscriber each, raw batches, our own parser and decoder that never raise.

With the stock parser one bad header in a batch of 20 silently lost all 20. Here a batch reaches the shell as it was
read; only "the store is away" leaves it, and then the batch is read again.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka import ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker as FastStreamBroker
from faststream.kafka import KafkaMessage
from faststream.kafka.message import KafkaAckableMessage

from shared.broker.port import Broker, BrokerAway
from shared.consumption.origin import Origin
from shared.consumption.shell import NotSettled, Shell
from shared.store.port import StoreAway
from shared.together import together

log = logging.getLogger("hamkke.consumption")

LARGEST_BATCH = 500
SWEEP_EVERY = 1.0  # seconds
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds; far below the poll interval, past which the group would expel us


async def as_read(message: KafkaMessage) -> Any:
    return message.raw_message


class Subscribers:
    """The subscribers of one service's shells on one FastStream broker, and their sweepers."""

    def __init__(
        self,
        service: str,
        shells: Sequence[Shell],
        stream_broker: FastStreamBroker,
        broker: Broker,
        fetch_wait_ms: int = 500,
    ) -> None:
        self.shells, self._stream_broker, self._broker = shells, stream_broker, broker
        self._service, self._fetch_wait_ms = service, fetch_wait_ms
        self._origins: dict[str, Origin] = {}
        self._subscribers = {shell.consumer.name: self._subscribe(shell) for shell in shells}
        self.trouble: str | None = "not connected yet"

    def _subscribe(self, shell: Shell) -> Any:
        pause, origin = FIRST_PAUSE, self._origins.setdefault(shell.consumer.name, Origin(self._broker))

        async def raw_batch(records: Sequence[ConsumerRecord]) -> KafkaMessage:
            """A batch as it was read. Acknowledging it commits, refusing it seeks back: on this very consumer."""
            return KafkaAckableMessage(body=b"", raw_message=tuple(records), consumer=subscriber.consumer)

        subscriber = self._stream_broker.subscriber(
            *shell.consumer.topics,
            group_id=f"hamkke.{self._service}.{shell.consumer.name}",
            batch=True,
            max_records=LARGEST_BATCH,
            batch_timeout_ms=200,
            fetch_max_wait_ms=self._fetch_wait_ms,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.NACK_ON_ERROR,
            no_reply=True,
            parser=raw_batch,
            decoder=as_read,
        )

        @subscriber
        async def settle(records: Any) -> None:
            nonlocal pause
            try:
                await shell.settle(records, await origin.of_batch())
                pause = FIRST_PAUSE
            except Exception as trouble:
                expected = isinstance(trouble, StoreAway | BrokerAway | NotSettled)
                words = {"consumer": shell.consumer.name, "why": repr(trouble) if expected else type(trouble).__name__}
                log.log(
                    logging.WARNING if expected else logging.ERROR,
                    "a batch is read again",
                    extra=words,
                    exc_info=not expected,
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                raise

        return subscriber

    async def run(self) -> None:
        """Connect, however often it takes, then sweep until cancelled; then leave the groups."""
        try:
            await self._connect()
            await together(*(_sweep(shell) for shell in self.shells))
        finally:
            await self._stream_broker.stop()

    async def _connect(self) -> None:
        pause = FIRST_PAUSE
        while self.trouble is not None:
            try:
                for origin in self._origins.values():
                    await origin.begin()
                async with asyncio.timeout(30):
                    await self._stream_broker.start()
                self.trouble = None
            except Exception as error:  # aiokafka raises many kinds while a broker comes up; all mean: try again
                self.trouble = f"the broker is away: {type(error).__name__}"
                log.warning("consumers cannot start yet", extra={"why": repr(error)})
                await self._stream_broker.stop()
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    def lag(self) -> dict[tuple[str, str, int], int]:
        """(consumer, topic, partition) -> records that were there and are not settled yet, as far as is known."""
        behind: dict[tuple[str, str, int], int] = {}
        for name, subscriber in self._subscribers.items():
            consumer = subscriber.consumer
            for place in consumer.assignment() if consumer is not None else ():
                high = consumer.highwater(place)
                state = consumer._subscription.subscription.assignment.state_value(place)
                if high is not None and state is not None and state.has_valid_position:
                    behind[name, place.topic, place.partition] = max(0, high - state.position)
        return behind


async def _sweep(shell: Shell) -> None:
    while True:
        await asyncio.sleep(SWEEP_EVERY)
        try:
            await shell.sweep()
        except (StoreAway, NotSettled):
            continue  # the next round looks again
        except Exception:
            log.exception("a sweep fails; the next one tries again", extra={"consumer": shell.consumer.name})
