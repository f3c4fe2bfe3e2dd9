"""A patient client: asks with one idempotency key until there is an answer, however often something is killed meanwhile."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from deploy.demo.wire import Unreachable, Wire
from shared.http.roles import Role
from shared.http.tokens import issue_token
from shared.settings import Settings

TOKEN_SECONDS = 600.0
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 2.0
PATIENCE = 15.0  # seconds for one attempt: a service lets go of it after 10, and its insert has 5
BUGS = 5  # answers 500 to one wish before the client takes it for an answer


class Person:
    """Somebody with a pseudonym and roles, who brings a good token with each request."""

    def __init__(self, settings: Settings, ref: str, *roles: Role) -> None:
        self.ref = ref
        self._settings, self._roles = settings, roles
        self._token, self._until = "", 0.0

    def bearer(self) -> dict[str, str]:
        """The Authorization header, its token renewed in time. Raises SettingsError outside the embedded profile."""
        if time.monotonic() > self._until - 60:
            self._token = issue_token(self._settings, self._roles, self.ref, TOKEN_SECONDS)
            self._until = time.monotonic() + TOKEN_SECONDS
        return {"Authorization": f"Bearer {self._token}"}


@dataclass(frozen=True)
class Answer:
    """What came back in the end."""

    status: int
    body: Mapping[str, Any]

    @property
    def accepted(self) -> bool:
        return self.status in (200, 201)

    @property
    def why(self) -> str:
        """The problem's own words."""
        return str(self.body.get("en") or self.body.get("title") or f"HTTP {self.status}")


class Client:
    """HTTP to one service. `counts`: asked, retries, unreachable, away, busy, of all its requests."""

    def __init__(self, base: str) -> None:
        self.counts: Counter[str] = Counter()
        self._wire = Wire(base, PATIENCE)
        self._dice = random.Random(0)

    async def command(
        self,
        person: Person,
        path: str,
        body: Mapping[str, Any] | None = None,
        if_match: int | None = None,
        key: str = "",
    ) -> Answer:
        """A command, asked again with the same key until its outcome is known."""
        headers = {"Idempotency-Key": key or new_key()}
        if if_match is not None:
            headers["If-Match"] = f'"{if_match}"'
        return await self._until_answered("POST", person, path, headers, body)

    async def read(self, person: Person | None, path: str, **headers: str) -> Answer:
        """A read, asked again until there is an answer."""
        return await self._until_answered("GET", person, path, headers, None)

    def close(self) -> None:
        """Close its connections."""
        self._wire.close()

    async def _until_answered(
        self, method: str, person: Person | None, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> Answer:
        pause, bugs = FIRST_PAUSE, 0
        while True:
            answer = await self._once(method, path, {**headers, **(person.bearer() if person else {})}, body)
            if answer is not None and answer.status == 500:
                bugs += 1
            if answer is not None and (answer.status < 500 or bugs == BUGS) and not _come_back(answer):
                return answer
            # The same key again, and soon: each of these commands ends as the same commit however many attempts of it land.
            self.counts["retries"] += 1
            await asyncio.sleep(pause * (0.5 + self._dice.random()))
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _once(
        self, method: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None
    ) -> Answer | None:
        """One attempt; None when its outcome is not known."""
        self.counts["asked"] += 1
        try:
            response = await self._wire.request(method, path, headers, None if body is None else orjson.dumps(body))
        except Unreachable:
            self.counts["unreachable"] += 1
            return None
        if response.status == 503:
            self.counts["away"] += 1
        try:
            found = orjson.loads(response.body)
        except orjson.JSONDecodeError:
            found = {}
        return Answer(response.status, found if isinstance(found, dict) else {})


def _come_back(answer: Answer) -> bool:
    """An answer that says: later, or with a fresh token."""
    return answer.status in (429, 503) or str(answer.body.get("type", "")).endswith((":busy", ":token-expired"))


def new_key() -> str:
    """A UUIDv7: 48 bits of Unix milliseconds, then random bits (RFC 9562)."""
    value = int(time.time() * 1000).to_bytes(6, "big") + os.urandom(10)
    digits = bytearray(value)
    digits[6] = digits[6] & 0x0F | 0x70
    digits[8] = digits[8] & 0x3F | 0x80
    text = digits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
