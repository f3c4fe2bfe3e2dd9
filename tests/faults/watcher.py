"""Watches the log directly, past the proxies: by when each commit was surely stored, and how far each stream is."""

import asyncio
import time
from contextlib import suppress

from shared.follower.source import follow
from shared.store.port import Collection, StoreAway, Token

PAUSE = 0.3


class Watcher:
    """`seen`: commit -> Unix time at which it was there; `versions`: stream -> newest version."""

    def __init__(self, commits: Collection) -> None:
        self._commits = commits
        self.seen: dict[str, float] = {}
        self.versions: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        token: Token | None = None
        while True:
            source = follow(self._commits, token, None)
            try:
                async for commits, behind in source:
                    now = time.time()
                    for commit in commits:
                        self.seen.setdefault(commit["_id"], now)
                        newest = max(commit["last"], self.versions.get(commit["stream"], 0))
                        self.versions[commit["stream"]] = newest
                    token = behind or token
            except StoreAway:
                await asyncio.sleep(PAUSE)
            finally:
                await source.aclose()
