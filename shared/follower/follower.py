"""One follower per service: whoever holds the lease keeps the views and relays; the others stand by."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from shared import moments
from shared.broker.port import Broker, BrokerAway
from shared.eventlog.aggregate import Aggregate
from shared.follower.audit import publish_missing
from shared.follower.checkpoint import Checkpoint
from shared.follower.lease import Lease, LeaseLost
from shared.follower.refold import Refold
from shared.follower.relay import Relay
from shared.follower.source import follow
from shared.follower.views import MainViews
from shared.store.port import Doc, Store, StoreAway
from shared.together import together

log = logging.getLogger("hamkke.follower")

GATHER = 0.02  # seconds: how long a busy follower lets commits gather
BUSY = 8  # commits in a batch that make it a busy one
PAUSE = 0.25  # seconds before trying the store again
AUDIT_EVERY = 24 * 3600.0  # seconds


class Follower:
    """Runs until it is cancelled. `term` of the lease in seconds."""

    def __init__(
        self,
        store: Store,
        broker: Broker,
        aggregates: Sequence[Aggregate[Any]],
        owner: str,
        term: float = 4.0,
        observe: Callable[[list[Doc]], None] = lambda commits: None,
    ) -> None:
        self._store, self._broker, self._observe = store, broker, observe
        self._aggregates = {aggregate.kind.name: aggregate for aggregate in aggregates}
        self._lease = Lease(store["leases"], "follower", owner, term)
        self._views = MainViews(store, self._aggregates)
        self.relay: Relay | None = None
        self.owns = False
        self.trouble: str | None = "not started yet"

    async def run(self) -> None:
        """Acquire, follow, lose, again; only cancelling ends it, and then the lease is released."""
        try:
            while True:
                try:
                    await self._follow_once()
                except StoreAway:
                    self.trouble = "the store is away"
                except LeaseLost:
                    self.trouble = None  # another process follows now
                except Exception as bug:
                    self.trouble = f"it fails: {type(bug).__name__}"  # its words may quote private parts
                    log.exception("the follower fails; it tries again")
                finally:
                    self.owns, self.relay = False, None
                await asyncio.sleep(PAUSE)
        finally:
            await self._release()

    async def _follow_once(self) -> None:
        self.trouble = None
        epoch = await self._lease.acquire()
        self.owns = True
        log.info("following", extra={"epoch": epoch})
        self._views.forget()
        views = Checkpoint(self._store["checkpoints"], "views")
        relayed = Checkpoint(self._store["checkpoints"], "relay")
        await views.take_over(epoch)
        await relayed.take_over(epoch)
        commits = self._store["commits"]
        self.relay = Relay(
            commits, self._broker, relayed, self._aggregates, self._lease.check, self._audit, views.document["at"]
        )
        await together(
            self._lease.hold(), self.relay.run(), self._keep_views(views, self.relay), self._audit_daily(relayed)
        )

    async def _renew_views(self, checkpoint: Checkpoint) -> None:
        """Make the rows anew that were folded by another `state_version` of their aggregate."""
        versions = {name: aggregate.state_version for name, aggregate in self._aggregates.items()}
        before = checkpoint.document.get("state_versions") or {}
        for name, aggregate in self._aggregates.items():
            if before.get(name, versions[name]) != versions[name]:
                renewed = await Refold(self._store, aggregate).run()
                log.warning("a view was folded anew", extra={"view": aggregate.view, "rows": renewed.repaired})
        if before != versions:
            checkpoint.move(state_versions=versions)

    async def _keep_views(self, checkpoint: Checkpoint, relay: Relay) -> None:
        await self._renew_views(checkpoint)
        loop = asyncio.get_running_loop()
        source = follow(self._store["commits"], checkpoint.document["token"], checkpoint.document["at"])
        try:
            async for commits, token in source:
                taken = loop.time()
                if commits:
                    self._lease.check()
                    relay.offer(commits, token)
                    await self._views.take(commits)
                    self._observe(commits)
                elif token is not None:
                    relay.offer(commits, token)
                if token is not None and (commits or checkpoint.old):
                    checkpoint.move(token=token, at=commits[-1]["at"] if commits else checkpoint.document["at"])
                if checkpoint.due:
                    await checkpoint.write()
                if len(commits) >= BUSY:
                    await asyncio.sleep(max(0.0, GATHER - (loop.time() - taken)))
        finally:
            await source.aclose()

    async def _audit(self) -> int:
        kinds = [aggregate.kind for aggregate in self._aggregates.values()]
        published = await publish_missing(self._store["commits"], self._broker, kinds)
        if published:
            log.warning("the audit published what was missing", extra={"records": published})
        return published

    async def _audit_daily(self, checkpoint: Checkpoint) -> None:
        """A day after the last one, whoever held the lease then."""
        if not checkpoint.document.get("audited"):
            checkpoint.move(audited=_now())
        while True:
            last = moments.moment(checkpoint.document["audited"]).timestamp()
            await asyncio.sleep(max(0.0, AUDIT_EVERY - (time.time() - last)))
            try:
                await self._audit()
            except BrokerAway:
                log.warning("no audit today: the broker is away")
            checkpoint.move(audited=_now())

    async def _release(self) -> None:
        if self._lease.epoch:
            try:
                await self._lease.release()
            except StoreAway:
                log.warning("the lease could not be released: a standby takes over when its term has run out")


def _now() -> str:
    return moments.text(datetime.now(UTC))
