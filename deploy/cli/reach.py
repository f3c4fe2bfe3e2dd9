"""How operators' verbs reach what runs: the platform of this home, or the store and broker that HAMKKE_… variables name."""

import asyncio
import importlib
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from deploy.cli.words import err
from deploy.local import leftovers
from deploy.local.home import Home
from deploy.local.services import SERVICES
from deploy.local.trouble import Trouble
from shared.broker.kafka import KafkaBroker
from shared.broker.port import BrokerAway
from shared.consumption.consumer import Consumer
from shared.eventlog.aggregate import Aggregate
from shared.settings import Settings, load_settings
from shared.store.mongo import MongoStore
from shared.store.port import StoreAway

T = TypeVar("T")


def settings_of(report: dict[str, Any]) -> Settings:
    """The settings that fit a running platform's platform.json."""
    kafka = report["broker"]["kind"] == "kafka"
    return load_settings(
        home=report["home"],
        store_uri=report["store"]["uri"],
        broker=[report["broker"]["address"]],
        idempotent_producer=kafka,
        fetch_wait_ms=100 if kafka else 20,
    )


def running() -> Settings:
    """The settings of what runs: this home's platform, else what environment or `.env` name. Raises Trouble."""
    home = Home.default()
    if leftovers.is_held(home) and (report := leftovers.report(home)):
        return settings_of(report)
    if "store_uri" in (settings := load_settings()).model_fields_set:
        return settings
    raise Trouble(
        "Hamkke is not running here. Start it with hamkke up, or name a store and a broker in HAMKKE_STORE_URI and HAMKKE_BROKER."
    )


@dataclass(frozen=True)
class Parts:
    """What a service is made of, as its views.py and consumers.py declare it."""

    service: str
    aggregates: tuple[Aggregate[Any], ...]
    consumers: tuple[Consumer, ...]


def parts(service: str | None = None) -> list[Parts]:
    """The parts of every service, or of one. Raises Trouble for a name that no service has."""
    if service is not None and service not in SERVICES:
        raise Trouble(f"There is no service {service}. These exist: {', '.join(SERVICES)}.")
    return [
        Parts(name, tuple(_declared(f"{name}.views", Aggregate)), tuple(_declared(f"{name}.consumers", Consumer)))
        for name in ([service] if service else SERVICES)
    ]


def _declared(module: str, kind: type[T]) -> list[T]:
    try:
        found = importlib.import_module(f"services.{module}")
    except ModuleNotFoundError as error:
        if error.name != f"services.{module}":
            raise
        return []  # a service need not have both files
    return [value for value in vars(found).values() if isinstance(value, kind)]


@asynccontextmanager
async def store_of(settings: Settings, service: str) -> AsyncIterator[MongoStore]:
    """A service's own database."""
    store = MongoStore.connect(settings.store_uri, settings.database(service))
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def the_broker(settings: Settings) -> AsyncIterator[KafkaBroker]:
    """The broker."""
    broker = KafkaBroker(settings.broker, settings.idempotent_producer, settings.fetch_wait_ms / 1000)
    try:
        yield broker
    finally:
        await broker.close()


def run(verb: Coroutine[Any, Any, T]) -> T:
    """Run a verb; a store or broker that is away becomes a Trouble that says what to do. Ctrl-C ends it quietly."""
    quiet_libraries()
    try:
        return asyncio.run(verb)
    except StoreAway as away:
        raise Trouble(f"The store does not answer ({_short(away)}); hamkke status shows how it is.") from None
    except BrokerAway as away:
        raise Trouble(f"The broker does not answer ({_short(away)}); hamkke status shows how it is.") from None
    except KeyboardInterrupt:
        err.print("Stopped.")
        raise SystemExit(130) from None


def quiet_libraries() -> None:
    """What libraries would write to standard error is for a service's log: the command line says it in its own words."""
    logging.getLogger().addHandler(logging.NullHandler())


def _short(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:120]
