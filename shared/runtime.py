"""What a running service is made of: its settings, its store and log, and its parts, each started and retried alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import structlog

from shared.http.tokens import Tokens
from shared.settings import Secrets, Settings
from shared.store.port import Store
from shared.telemetry import metrics
from shared.telemetry.logs import masked

if TYPE_CHECKING:
    from shared.eventlog.log import EventLog

RETRY_FIRST, RETRY_MOST = 0.2, 5.0  # seconds between two tries to start a part
STOP_WITHIN = 10.0  # seconds a part may take to stop


class Part(Protocol):
    """A part of a running service: its own views, its relay, a consumer. Its constructor does no I/O."""

    name: str

    async def start(self) -> None:
        """Start; called again after a pause when it raises."""

    async def stop(self) -> None:
        """Stop; also after a start that failed half-way."""

    async def trouble(self) -> str | None:
        """Why it is not ready, in plain words; None when it is."""


class Runtime:
    """One service in one process. `log` and `store` are set before the first request; `parts` start in their order."""

    store: Store
    log: "EventLog"

    def __init__(
        self,
        service: str,
        settings: Settings,
        unix_time: Callable[[], float] = time.time,
        rules_time: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.service, self.settings = service, settings
        self.unix_time, self.rules_time = unix_time, rules_time
        self.parts: list[Part] = []
        self.closing: list[Callable[[], Awaitable[None]]] = []
        self._started: set[str] = set()
        self._why: dict[str, str] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._logger = structlog.get_logger("hamkke.service")

    @cached_property
    def tokens(self) -> Tokens:
        """The checker of tokens. SettingsError when there is no key set."""
        tokens = Tokens(self.settings.jwks_file, self.settings.issuer, self.settings.audience, self.unix_time)
        tokens.load()
        return tokens

    @cached_property
    def secrets(self) -> Secrets:
        """The service secrets. SettingsError when there are none."""
        return self.settings.secrets

    async def start(self) -> None:
        """Begin to start every part in the background: a store or broker that is away keeps nobody from listening."""
        _ = self.tokens, self.secrets  # wrong settings end the process at once, with their sentence
        self._tasks = [asyncio.create_task(self._keep_starting(part), name=f"start {part.name}") for part in self.parts]

    async def stop(self) -> None:
        """Stop the parts, last one first, each within its time; then close what is in `closing`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for part in reversed(self.parts):
            await self._within(part.stop, part.name)
        for close in self.closing:
            await self._within(close, "closing")

    async def readiness(self) -> dict[str, str | None]:
        """Each part's trouble, None where it is ready. Answers within about two seconds whatever the parts do."""
        found = await asyncio.gather(*(self._trouble(part) for part in self.parts))
        troubles = dict(zip((part.name for part in self.parts), found, strict=True))
        for name, trouble in troubles.items():
            metrics.part_ready(self.service, name, trouble is None)
        return troubles

    async def _trouble(self, part: Part) -> str | None:
        if part.name not in self._started:
            return self._why.get(part.name, "starting")
        try:
            async with asyncio.timeout(2):
                trouble = await part.trouble()
                return masked(trouble)[:300] if trouble else None
        except Exception as error:
            return "no answer within 2 s" if isinstance(error, TimeoutError) else type(error).__name__

    async def _keep_starting(self, part: Part) -> None:
        pause = RETRY_FIRST
        while True:
            try:
                await part.start()
            except Exception as error:
                self._why[part.name] = f"cannot start yet: {type(error).__name__}"
                self._logger.warning("cannot start yet", service=self.service, part=part.name, exc_info=error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, RETRY_MOST)
            else:
                self._started.add(part.name)
                return

    async def _within(self, stop: Callable[[], Awaitable[None]], name: str) -> None:
        try:
            async with asyncio.timeout(STOP_WITHIN):
                await stop()
        except Exception as error:
            self._logger.warning("did not stop cleanly", service=self.service, part=name, exc_info=error)
