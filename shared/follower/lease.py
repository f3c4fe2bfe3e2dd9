"""Who may follow: one process at a time, without trusting anybody's clock.

The owner moves a beat; a standby that saw the same beat for a whole term, by its own clock, takes over with the
next epoch. An owner that could not renew for a term stops by itself. A stopped process can still believe it owns
the lease: so checkpoints carry the epoch in their filter, and view writes the version (F6).
"""

import asyncio
from typing import Any

from shared.store.port import Collection, StoreAway


class LeaseLost(Exception):
    """Another process owns the lease now, or the store was away for a whole term."""


class Lease:
    """A lease document `{_id, owner, epoch, beat}`. `term` in seconds."""

    def __init__(self, leases: Collection, name: str, owner: str, term: float) -> None:
        self._leases, self._name, self._owner, self._term = leases, name, owner, term
        self._beat, self._renewed = 0, 0.0
        self.epoch = 0

    async def acquire(self) -> int:
        """Wait until the lease is ours; the new epoch. Raises StoreAway."""
        loop, seen, since = asyncio.get_running_loop(), None, 0.0
        while True:
            asked = loop.time()
            found = (await self._leases.get([self._name])).get(self._name)
            if found is None:
                won = (await self._leases.insert([self._document(1)]))[0]
                epoch = 1
            else:
                mark = (found["epoch"], found["beat"])
                if mark != seen:
                    seen, since = mark, asked
                if found["owner"] is None or asked - since >= self._term:
                    epoch = found["epoch"] + 1
                    where = {"_id": self._name, "epoch": found["epoch"], "beat": found["beat"]}
                    won = await self._leases.replace([(where, self._document(epoch))]) == 1
                else:
                    won = False
            if won:
                self.epoch, self._beat, self._renewed = epoch, 0, asked
                return epoch
            await asyncio.sleep(self._term / 4)

    async def hold(self) -> None:
        """Keep renewing; ends only by raising LeaseLost."""
        while True:
            await asyncio.sleep(self._term / 4)
            await self._renew()

    async def release(self) -> None:
        """Let a standby take over at once. Raises StoreAway."""
        await self._leases.update({"_id": self._name, "epoch": self.epoch}, {"$set": {"owner": None}})

    def check(self) -> None:
        """Raises LeaseLost when the term has run out since the last renewal."""
        if asyncio.get_running_loop().time() - self._renewed >= self._term:
            raise LeaseLost

    async def _renew(self) -> None:
        asked = asyncio.get_running_loop().time()
        self.check()
        self._beat += 1
        try:
            renewed = await self._leases.update(
                {"_id": self._name, "epoch": self.epoch}, {"$set": {"beat": self._beat}}
            )
        except StoreAway:
            return  # the term runs on; check() ends it
        if not renewed:
            raise LeaseLost
        self._renewed = asked

    def _document(self, epoch: int) -> dict[str, Any]:
        return {"_id": self._name, "owner": self._owner, "epoch": epoch, "beat": 0}
