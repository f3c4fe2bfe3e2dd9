"""Reads the records of a round when all is quiet: straight from store and broker, past the proxies."""

import time
from collections.abc import Iterable

import httpx

from deploy.local.platform import Platform
from services.notifications.consumers import inbox
from services.recruitment.views import AGGREGATES
from shared.broker.kafka import KafkaBroker
from shared.broker.port import Incoming
from shared.consumption.generations import Generations, suffix
from shared.consumption.rebuild import CannotRebuild, Rebuild, digest, documents, versions
from shared.contracts.base import kind_of
from shared.contracts.recruitment import APPLICATION
from shared.store.mongo import MongoStore
from tests.faults.clients import Crowd
from tests.faults.ledger import Asked
from tests.faults.poison import Poison
from tests.faults.poison import digest as digest_of_record
from tests.faults.records import KINDS, Finding, Rebuilt, Records
from tests.faults.watcher import Watcher


class Gatherer:
    """Where the five records are."""

    def __init__(self, platform: Platform, recruitment: MongoStore, notifications: MongoStore, secret: bytes) -> None:
        self._platform, self._secret = platform, secret
        self._recruitment, self._notifications = recruitment, notifications
        self.broker = KafkaBroker([platform.bootstrap], idempotent=False, fetch_wait=0.05)

    async def behind(self) -> int:
        """Streams whose view or inbox guard is behind the log. Cheap; raises StoreAway."""
        log: dict[str, int] = {}
        async for commits in self._recruitment["commits"].scan(fields=("stream", "last")):
            for commit in commits:
                log[commit["stream"]] = max(commit["last"], log.get(commit["stream"], 0))
        late = set[str]()
        for aggregate in AGGREGATES:
            late |= _late(log, await versions(self._recruitment[aggregate.view]), aggregate.kind.name)
        ending = suffix(await Generations(self._notifications).current(inbox.collection))
        late |= _late(log, await versions(self._notifications[inbox.guards + ending]), APPLICATION.name)
        return len(late)

    async def topics(self) -> dict[str, list[Incoming]]:
        """Every topic, raw, from the start. Raises BrokerAway."""
        found: dict[str, list[Incoming]] = {}
        for kind in KINDS.values():
            found[kind.topic] = [raw async for batch in self.broker.read(kind.topic) for raw in batch]
        return found

    async def missing(self, poison: Iterable[Poison]) -> list[Poison]:
        """Those of them that no topic holds. Raises BrokerAway."""
        there = {digest_of_record(r.key, r.value, r.headers) for raws in (await self.topics()).values() for r in raws}
        return [record for record in poison if record.digest not in there]

    async def records(self, told: list[Asked], watcher: Watcher, poison: list[Poison]) -> Records:
        """All but what is shown and rebuilt. Raises StoreAway, BrokerAway."""
        recruitment, notifications = self._recruitment, self._notifications
        return Records(
            secret=self._secret,
            told=told,
            commits=list((await documents(recruitment["commits"])).values()),
            seen=watcher.seen,
            cluster=await self.broker.cluster_id(),
            topics=await self.topics(),
            views={one.view: await documents(recruitment[one.view]) for one in AGGREGATES},
            rebuilt=[],
            inbox=await documents(notifications[inbox.collection]),
            guards=await documents(notifications[inbox.guards]),
            shown={},
            dead=list((await documents(notifications["dead"])).values()),
            parked=list((await documents(notifications["parked"])).values()),
            poison=list(poison),
            ended=time.time(),
        )

    async def rebuild(self, records: Records) -> list[Finding]:
        """Build the inbox again from the topics, beside the live one."""
        live = digest(records.inbox), digest(records.guards)
        try:
            rebuilt = await Rebuild(inbox, self._notifications, self.broker).run()
        except CannotRebuild as why:
            return [Finding("rebuild", f"the inbox cannot be rebuilt: {why}")]
        guards = digest(await documents(self._notifications[inbox.guards + suffix(rebuilt.generation)]))
        records.rebuilt = [
            Rebuilt(inbox.collection, live[0], rebuilt.digest, rebuilt.equal),
            Rebuilt(inbox.guards, live[1], guards, equal=True),
        ]
        return []

    async def shown(self, crowd: Crowd, records: Records) -> list[Finding]:
        """What each person sees in the inbox, over HTTP."""
        try:
            records.shown = {citizen: await crowd.inbox_of(citizen) for citizen in crowd.citizens}
        except httpx.HTTPError as error:
            return [Finding("wrong", f"an inbox cannot be read: {error!r}")]
        return []

    async def close(self) -> None:
        await self.broker.close()


def _late(log: dict[str, int], reached: dict[str, int], kind: str) -> set[str]:
    return {stream for stream, last in log.items() if kind_of(stream) == kind and reached.get(stream, 0) < last}
