"""Reads: ETags with 304, and lists that wait until they show what the client itself has just written."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel, Field

from shared.http.answers import etag
from shared.http.asked import Asked
from shared.http.problems import BadRequest, NotYet

PATIENCE = 1.0  # seconds
READ_AFTER_TOLD = (
    "Send `Read-After: <stream>@<version>` of a receipt to see what you have just written: "
    "the answer waits for it up to a second, and is 503 rather than old. What is not yours to know of never comes."
)
"""Told in words: as a parameter it would invite made-up streams, which no list ever shows."""
_READ_AFTER = re.compile(r"[a-z][a-z0-9-]*(:[A-Za-z0-9._-]{1,64}){1,4}@[1-9][0-9]{0,14}")
_ETAGS = re.compile(r'\s*(\*|((W/)?"[^"\x00-\x20\x7f]*")(\s*,\s*(W/)?"[^"\x00-\x20\x7f]*")*)\s*')


class Shown(BaseModel):
    """One thing with its version, which is its ETag too: If-None-Match answers 304 while it stays."""

    version: int = Field(description="The version shown; what If-Match takes.")


@dataclass(frozen=True, slots=True)
class Awaited:
    """What Read-After asks to see; without the header, nothing."""

    stream: str | None
    version: int = 0

    async def by(self, reached: Callable[[str], Awaitable[int]], may: Callable[[str], bool]) -> None:
        """Wait until `reached(stream)` is at least the version, up to a second. NotYet (503) after that.

        A stream that the caller `may` not ask about is never reached: it is answered as one that does not exist.
        """
        if self.stream is None:
            return
        deadline, pause = time.monotonic() + PATIENCE, 0.004
        while not may(self.stream) or await reached(self.stream) < self.version:
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotYet
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 1.6, 0.1)


class ReadAfterHeader:
    """Reads `Read-After: <stream>@<version>`."""

    def take(self, asked: Asked) -> Awaited:
        header = asked.head(b"read-after")
        if header is None:
            return Awaited(None)
        if len(header) > 400 or not _READ_AFTER.fullmatch(header):
            raise BadRequest("read-after", "not <stream>@<version>")
        stream, _, version = header.rpartition("@")
        return Awaited(stream, int(version))

    async def __call__(
        self,
        request: Request,
        read_after: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Awaited:
        return self.take(request)  # type: ignore[arg-type]


ReadAfter = Annotated[Awaited, Depends(ReadAfterHeader())]


def unchanged(asked: Asked, version: int) -> bool:
    """Whether If-None-Match names this version. BadRequest when the header is malformed."""
    header = asked.head(b"if-none-match")
    if header is None:
        return False
    if len(header) > 4000 or not _ETAGS.fullmatch(header):
        raise BadRequest("if-none-match", "not a list of ETags")
    return header.strip() == "*" or etag(version) in [part.strip().removeprefix("W/") for part in header.split(",")]
