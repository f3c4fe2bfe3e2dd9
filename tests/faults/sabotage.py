"""Hosts services with one protection switched off, so that a test can see that the harness sees it.

`SABOTAGE=<which> python -m tests.faults.sabotage <service> …`. Nothing of this is in the product: it patches the code of
this process and then runs `deploy.local.serve` as it is.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from faststream.kafka import KafkaBroker as FastStreamBroker

from deploy.local import serve
from shared.broker.kafka import KafkaBroker
from shared.broker.port import BrokerAway
from shared.consumption.effects import Effects
from shared.consumption.settle import Guard
from shared.contracts.base import kind_of
from shared.contracts.cloudevents import records_of
from shared.contracts.recruitment import APPLICATION, CALL
from shared.eventlog.batch import Inserts
from shared.follower.relay import Relay
from shared.settings import load_settings
from shared.store.port import Doc, Token


def checkpoint_before_the_acknowledgement() -> None:
    """The relay notes that it has published what it is about to publish."""
    publish = Relay._publish

    async def early(self: Any, sender: Any, commits: Sequence[Doc], token: Token | None) -> None:
        if token is not None and commits:
            offsets = [[topic, partition, last] for (topic, partition), last in self._offsets.items()]
            self._checkpoint.move(token=token, at=commits[-1]["at"], cluster=self._cluster, offsets=offsets)
            await self._checkpoint.write()
            await asyncio.sleep(1.0)  # widens the gap that a stall must hit; in the right order it would harm nobody
        await publish(self, sender, commits, token)

    Relay._publish = early  # type: ignore[method-assign]


def guard_before_the_effect() -> None:
    """A consumer notes that it has applied what it is about to apply."""
    write = Effects.write

    async def backwards(self: Any, guards: Mapping[str, Guard]) -> bool:
        waiting, self._new = self._new, []
        written = await write(self, guards)
        if waiting:
            await asyncio.sleep(1.0)  # widens the gap that a crash must hit; in the right order it would harm nobody
            await self._view.insert(waiting)
        return written

    Effects.write = backwards  # type: ignore[method-assign]


def dual_write_instead_of_the_log() -> None:
    """The process that stored a commit sends it to Kafka itself; nobody relays the log."""
    insert = Inserts.insert
    kinds = {kind.name: kind for kind in (CALL, APPLICATION)}
    settings = load_settings()
    broker = KafkaBroker(settings.broker, bool(settings.idempotent_producer))
    senders: list[Any] = []
    turn = asyncio.Lock()

    async def both(self: Any, document: Doc, started: float) -> bool:
        stored = await insert(self, document, started)
        if stored:
            try:
                async with turn:
                    if not senders:
                        senders.append(await broker.sender())
                    await senders[0].send(records_of(kinds[kind_of(document["stream"])], document))
            except BrokerAway:
                senders.clear()  # logged and forgotten, as such code does
        return stored

    async def idle(self: Any) -> None:
        self.trouble = None
        await asyncio.Event().wait()

    Inserts.insert = both  # type: ignore[method-assign]
    Relay.run = idle  # type: ignore[method-assign]


def stock_parser_in_batches() -> None:
    """FastStream's own parser reads the batch: one bad header and none of it arrives."""
    subscriber = FastStreamBroker.subscriber

    def stock(self: Any, *topics: str, parser: Any, **more: Any) -> Any:
        return subscriber(self, *topics, **more)

    FastStreamBroker.subscriber = stock  # type: ignore[method-assign]


SABOTAGES: dict[str, Callable[[], None]] = {
    function.__name__: function
    for function in (
        checkpoint_before_the_acknowledgement,
        guard_before_the_effect,
        dual_write_instead_of_the_log,
        stock_parser_in_batches,
    )
}

if __name__ == "__main__":
    SABOTAGES[os.environ["SABOTAGE"]]()
    sys.exit(serve.main(sys.argv[1:]))
