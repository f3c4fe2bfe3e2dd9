"""Clients who send commands over keep-alive connections, in a process of their own."""

import asyncio
import secrets
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from joserfc import jwt

from shared.http.keys import SIGNING, signing_key
from shared.http.roles import Role
from shared.http.tokens import ALGORITHM

PATIENCE = 60.0  # seconds for one answer


@dataclass
class Chain:
    """Commands that follow each other on one stream. `body(n)` is the n-th one's; `versioned` ones send If-Match."""

    path: str
    token: str
    body: Callable[[int], Any]
    left: int = 1
    version: int | None = None
    stream: str = ""
    done: int = 0


@dataclass
class Told:
    """What the clients were told."""

    began: float = 0.0
    ended: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    answered: list[tuple[Chain, float]] = field(default_factory=list)
    """Each accepted command's chain, and when (monotonic) its answer was there."""

    def check(self) -> None:
        """Raise unless every command was accepted."""
        if set(self.statuses) - {200, 201}:
            raise RuntimeError(f"answers that are no acceptance: {dict(self.statuses)}")


class Tokens:
    """Tokens as `hamkke token` makes them, without reading the key again for each."""

    def __init__(self, keys: str) -> None:
        self._key = signing_key(Path(keys) / SIGNING)

    def of(self, who: str, role: Role) -> str:
        now = int(time.time())
        claims = {"iss": "hamkke", "aud": "hamkke", "sub": who, "roles": [role.value], "iat": now, "exp": now + 3_000}
        header = {"alg": ALGORITHM, "kid": self._key.kid, "typ": "JWT"}
        return jwt.encode(header, claims, self._key, algorithms=[ALGORITHM])


def uuid7() -> str:
    """A fresh UUIDv7."""
    value = (time.time_ns() // 1_000_000 << 80) | (7 << 76) | (secrets.randbits(12) << 64) | (2 << 62)
    written = f"{value | secrets.randbits(62):032x}"
    return "-".join((written[:8], written[8:12], written[12:16], written[16:20], written[20:]))


async def send_all(url: str, chains: Iterable[Chain], clients: int, told: Told | None = None) -> Told:
    """So many clients at once, each taking the next stream that is free; what they were told (growing in `told`)."""
    waiting, told = deque(chains), told or Told()
    connections = [await Connection.open(url) for _ in range(clients)]
    for connection in connections:  # each has been used once before the clock runs
        await connection.ask("GET", "/health/live")
    told.began = time.monotonic()
    await asyncio.gather(*(_client(connection, waiting, told) for connection in connections))
    told.ended = time.monotonic()
    for connection in connections:
        connection.close()
    return told


async def _client(connection: "Connection", waiting: deque[Chain], told: Told) -> None:
    while waiting:
        chain = waiting.popleft()
        headers = [f"Authorization: Bearer {chain.token}", f"Idempotency-Key: {uuid7()}"]
        if chain.version is not None:
            headers.append(f'If-Match: "{chain.version}"')
        began = time.monotonic()
        status, answer = await connection.ask("POST", chain.path, headers, orjson.dumps(chain.body(chain.done)))
        ended = time.monotonic()
        told.statuses[status] += 1
        told.latencies.append(ended - began)
        if status in (200, 201):
            receipt = orjson.loads(answer)
            chain.stream, chain.done, chain.left = receipt.get("stream", ""), chain.done + 1, chain.left - 1
            if chain.version is not None:
                chain.version = receipt["version"]
            told.answered.append((chain, ended))
            if chain.left:
                waiting.append(chain)


class Connection:
    """One keep-alive HTTP/1.1 connection, one request at a time."""

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host, self._reader, self._writer, self._last = host, reader, writer, time.monotonic()

    @classmethod
    async def open(cls, url: str) -> "Connection":
        where = urlsplit(url)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        return cls(where.netloc, reader, writer)

    async def ask(self, method: str, path: str, headers: Iterable[str] = (), body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of the answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self._host}", *headers]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        asked = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            try:
                head = await self._reader.readuntil(b"\r\n\r\n")
            except (OSError, EOFError) as error:
                waited = f"{time.monotonic() - asked:.1f} s after {method} {path}"
                raise RuntimeError(
                    f"{self._host} hung up {waited}, {asked - self._last:.1f} s after its last answer"
                ) from error
            self._last = time.monotonic()
            lower = head.lower()
            at = lower.find(b"content-length:")
            size = int(lower[at + 15 : lower.index(b"\r\n", at)]) if at >= 0 else 0
            return int(head[9:12]), await self._reader.readexactly(size) if size else b""

    def close(self) -> None:
        self._writer.close()
