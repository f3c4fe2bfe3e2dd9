"""Reads the records to compare straight from store and broker: no service is asked what it believes."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from deploy.demo import compare
from deploy.demo.compare import Doc as Recorded
from deploy.demo.compare import Fact, Findings, Told
from services.notifications.consumers import inbox
from services.recruitment.views import APPLICATIONS, CALLS
from shared.broker.kafka import KafkaBroker
from shared.broker.port import Broker
from shared.consumption.generations import Generations, suffix
from shared.contracts.base import StreamKind
from shared.contracts.cloudevents import Unreadable, event_id, read_record
from shared.contracts.recruitment import APPLICATION, CALL
from shared.eventlog.aggregate import Aggregate
from shared.eventlog.folded import Folded
from shared.settings import Settings
from shared.store.mongo import MongoStore
from shared.store.port import Collection, Doc, Store


@dataclass(frozen=True)
class Records:
    """Where one call's records lie. `people` and `messages`: the stores of recruitment and notifications."""

    people: Store
    messages: Store
    broker: Broker
    call_id: str

    @property
    def applications(self) -> str:
        """What the streams of this call's applications begin with."""
        return APPLICATION.stream(self.call_id, "")

    async def in_view(self, streams: Sequence[str]) -> dict[str, int]:
        """The versions that the main view shows of these applications. Raises StoreAway."""
        return _versions(await self.people[APPLICATIONS.view].get(streams, fields=("version",)))

    async def in_inbox(self, streams: Sequence[str]) -> dict[str, int]:
        """The versions up to which the inbox tells of these applications. Raises StoreAway."""
        generation = await Generations(self.messages).current(inbox.collection)
        return _versions(await self.messages[inbox.guards + suffix(generation)].get(streams, fields=("version",)))

    async def compare(self, told: list[Told]) -> Findings:
        """All five against each other. Raises StoreAway, BrokerAway."""
        findings = Findings()
        ours = await self._log(APPLICATION)
        compare.compare_answers(told, ours, findings)
        calls = await self._log(CALL)
        for kind, log, aggregate in ((APPLICATION, ours, APPLICATIONS), (CALL, calls, CALLS)):
            compare.compare_order(log, findings)
            compare.compare_topics(log, [fact async for fact in self._facts(kind)], findings)
            live = await _by_stream(self.people[aggregate.view], self._prefix(kind))
            compare.compare_views(aggregate.view, rebuilt(aggregate, log), live, findings)
        entries = await (await self._inbox()).find(self._about())
        compare.compare_inboxes(_recipients(ours), entries, findings)
        return findings

    def _prefix(self, kind: StreamKind) -> str:
        return kind.stream(self.call_id) if kind is CALL else self.applications

    def _about(self) -> Doc:
        return {"_id": _between(self.applications)}

    async def _log(self, kind: StreamKind) -> dict[str, list[Recorded]]:
        commits: list[Doc] = []
        async for found in self.people["commits"].scan({"_id": _between(self._prefix(kind))}):
            commits += found
        return compare.log_of(commits)

    async def _facts(self, kind: StreamKind) -> AsyncIterator[Fact]:
        async for raws in self.broker.read(kind.topic):
            for raw in raws:
                if raw.key is None or not raw.key.startswith(self._prefix(kind).encode()):
                    continue
                try:
                    record = read_record(raw)
                except Unreadable:
                    continue  # somebody's poison: consumers keep it in dead, and it is nobody's fact
                yield Fact(record.stream, record.version, record.hash)

    async def _inbox(self) -> Collection:
        generation = await Generations(self.messages).current(inbox.collection)
        return self.messages[inbox.collection + suffix(generation)]


@asynccontextmanager
async def open_records(settings: Settings, call_id: str) -> AsyncIterator[Records]:
    """Connections to the platform's stores and broker, closed at the end."""
    people = MongoStore.connect(settings.store_uri, settings.database("recruitment"))
    messages = MongoStore.connect(settings.store_uri, settings.database("notifications"))
    broker = KafkaBroker(settings.broker, settings.idempotent_producer, settings.fetch_wait_ms / 1000)
    try:
        yield Records(people, messages, broker, call_id)
    finally:
        await broker.close()
        await people.close()
        await messages.close()


def rebuilt(aggregate: Aggregate[Any], log: Mapping[str, list[Recorded]]) -> dict[str, Recorded]:
    """The main view as the log alone gives it."""
    found: dict[str, Recorded] = {}
    for stream, commits in log.items():
        folded = Folded(aggregate, stream)
        for commit in commits:
            folded.advance(dict(commit))
        found[stream] = folded.snapshot()
    return found


def _recipients(log: Mapping[str, list[Recorded]]) -> dict[str, str]:
    """Event id -> who must be told of it. Each change of an application is told to its person."""
    return {
        event_id(stream, version): stream.rpartition(":")[2]
        for stream, commits in log.items()
        for commit in commits
        for version, _ in enumerate(commit["events"], start=commit["first"])
    }


async def _by_stream(view: Collection, prefix: str, fields: tuple[str, ...] = ()) -> dict[str, Doc]:
    found: dict[str, Doc] = {}
    async for documents in view.scan({"_id": _between(prefix)}, fields=fields):
        found |= {document["_id"]: document for document in documents}
    return found


def _between(prefix: str) -> Doc:
    return {"$gte": prefix, "$lt": prefix + "~"}


def _versions(found: Mapping[str, Doc]) -> dict[str, int]:
    return {stream: int(document["version"]) for stream, document in found.items()}
