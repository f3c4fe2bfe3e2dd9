"""What stands behind a service's HTTP side: its log and follower, its consumers, each a part that starts and stops alone."""

import asyncio
import os
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any

from fastapi import APIRouter
from faststream.kafka import KafkaBroker as FastStreamBroker

from shared.broker.kafka import KafkaBroker
from shared.consumption.consumer import Consumer
from shared.consumption.shell import Shell
from shared.consumption.subscribers import Subscribers
from shared.eventlog.aggregate import Aggregate
from shared.eventlog.log import EventLog
from shared.follower.follower import Follower
from shared.runtime import Runtime
from shared.service import Service, StorePart, shell
from shared.settings import Settings
from shared.store.mongo import MongoStore
from shared.telemetry.watch import Watch
from shared.together import end


def create_service(
    name: str,
    *,
    routers: Sequence[APIRouter] = (),
    aggregates: Sequence[Aggregate[Any]] = (),
    consumers: Sequence[Consumer] = (),
    about: str = "",
    settings: Settings | None = None,
) -> Service:
    """A whole service: endpoints, aggregates with their views and topics, consumers."""
    wiring = partial(_wire, aggregates=aggregates, consumers=consumers)
    return shell(name, routers=routers, wiring=wiring, settings=settings, about=about)


def _wire(runtime: Runtime, aggregates: Sequence[Aggregate[Any]], consumers: Sequence[Consumer]) -> None:
    settings = runtime.settings
    runtime.store = store = MongoStore.connect(settings.store_uri, settings.database(runtime.service))
    runtime.log = EventLog(store, aggregates)
    broker = KafkaBroker(settings.broker, settings.idempotent_producer, settings.fetch_wait_ms / 1000)

    shells = [Shell(consumer, store, runtime.log) for consumer in consumers]

    async def prepare() -> None:
        await runtime.log.prepare()
        for one in shells:
            await one.prepare()

    runtime.parts.append(StorePart(runtime, prepare))
    watch = Watch(runtime.service, store)
    if aggregates:
        owner = f"{os.getpid()}-{secrets.token_hex(4)}"
        watch.follower = Follower(store, broker, aggregates, owner, settings.lease_seconds, watch.observed)
        runtime.parts.append(Running("follower", watch.follower))
    if consumers:
        stream_broker = FastStreamBroker(
            settings.broker, allow_auto_create_topics=False, apply_types=False, logger=None
        )
        watch.subscribers = Subscribers(runtime.service, shells, stream_broker, broker, settings.fetch_wait_ms)
        runtime.parts.append(Running("consumers", watch.subscribers))
    runtime.parts.append(Running("metrics", watch))
    runtime.closing.append(broker.close)


class Running:
    """A part that runs until it is cancelled, and says by `trouble` what is in its way."""

    def __init__(self, name: str, job: Any) -> None:
        self.name, self._job = name, job
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._job.run(), name=self.name)

    async def stop(self) -> None:
        if self._task is not None:
            await end([self._task])

    async def trouble(self) -> str | None:
        if self._task is not None and self._task.done():
            return "it has ended"
        found: str | None = self._job.trouble
        return found
