"""The service's own store as a part of endpoints that answer lists, and how far a view has come."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Request

from shared.http.asked import Asked
from shared.store.port import Collection, Store


class TheStore:
    """The service's own database."""

    def take(self, asked: Asked) -> Store:
        return asked.runtime.store

    async def __call__(self, request: Request) -> Store:
        return self.take(request)  # type: ignore[arg-type]


Stored = Annotated[Store, Depends(TheStore())]


def version_in(rows: Collection) -> Callable[[str], Awaitable[int]]:
    """For `Awaited.by`: up to which version of a stream a view (or its guards) has come; 0 where it knows nothing."""

    async def reached(stream: str) -> int:
        found = await rows.get([stream], fields=("version",))
        return int(found[stream]["version"]) if stream in found else 0

    return reached
