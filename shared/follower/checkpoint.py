"""How far a job of the follower has come: one whole document, written only by who holds the epoch (protocol.md F2)."""

import asyncio
from typing import Any

from shared.follower.lease import LeaseLost
from shared.store.port import Collection, Doc

EVERY = 0.2  # seconds: a checkpoint costs more than a commit, and a repeat of less is harmless
IDLE_EVERY = 60.0  # seconds: so that an idle token does not grow too old to resume from


class Checkpoint:
    """`{_id, epoch, token, at, …}`; `token` names the position before the oldest commit that is not done."""

    def __init__(self, checkpoints: Collection, name: str) -> None:
        self._checkpoints, self._name = checkpoints, name
        self._epoch, self._written, self._pending = 0, 0.0, False
        self.document: Doc = {}

    async def take_over(self, epoch: int) -> Doc:
        """Write our epoch into it, then read it. Raises LeaseLost when a later epoch is there."""
        self._epoch = epoch
        fresh = {"_id": self._name, "epoch": epoch, "token": None, "at": None}
        if not (await self._checkpoints.insert([fresh]))[0]:
            older = {"_id": self._name, "epoch": {"$lt": epoch + 1}}
            if not await self._checkpoints.update(older, {"$set": {"epoch": epoch}}):
                raise LeaseLost
        self.document = (await self._checkpoints.get([self._name]))[self._name]
        self._pending = False
        return self.document

    def move(self, **fields: Any) -> None:
        """Note a new position; `write` makes it last."""
        self.document = {**self.document, **fields, "epoch": self._epoch}
        self._pending = True

    @property
    def due(self) -> bool:
        """There is something to write, and the last writing is long enough ago."""
        return self._pending and asyncio.get_running_loop().time() - self._written >= EVERY

    @property
    def old(self) -> bool:
        """Nothing was written for a minute: the position's token would age."""
        return asyncio.get_running_loop().time() - self._written >= IDLE_EVERY

    async def write(self) -> None:
        """Raises LeaseLost when our epoch is over."""
        if not self._pending:
            return
        document = self.document
        if not await self._checkpoints.replace([({"_id": self._name, "epoch": self._epoch}, document)]):
            raise LeaseLost
        self._written = asyncio.get_running_loop().time()
        self._pending = self.document is not document
