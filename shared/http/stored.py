"""The service's own store as a part of endpoints that answer lists, and how far a view has come."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from shared.http.asked import Asked
from shared.store.port import Collection, Doc, Store


class TheStore:
    """The service's own database."""

    def take(self, asked: Asked) -> Store:
        return asked.runtime.store

    async def __call__(self, request: Request) -> Store:
        return self.take(request)  # type: ignore[arg-type]


Stored = Annotated[Store, Depends(TheStore())]


def version_in(rows: Collection, where: Doc | None = None) -> Callable[[str], Awaitable[int]]:
    """For `Awaited.by`: up to which version of a stream a view (or its guards) has come; 0 where it knows nothing.

    With `where` only those documents count that match: what the caller may not see has not come.
    """

    async def reached(stream: str) -> int:
        found = await rows.find((where or {}) | {"_id": stream}, limit=1, fields=("version",))
        return int(found[0]["version"]) if found else 0

    return reached
