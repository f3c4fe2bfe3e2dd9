"""Lists in pages: a signed cursor says where the next one begins. Never offsets, so nothing is skipped or shown twice."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Depends, Query, Request
from pydantic import BaseModel, Field

from shared.http.asked import Asked
from shared.http.problems import BadRequest
from shared.store.port import Collection, Doc

LIMIT, LARGEST = 50, 200
LONGEST = 700  # characters of a cursor
Item = TypeVar("Item", bound=BaseModel)


class Page(BaseModel, Generic[Item]):
    """Some of a list. `next` is the cursor of what follows; null at the end."""

    items: list[Item]
    next: str | None = Field(None, description="Send it as ?after= to go on; null when this is the end for now.")


@dataclass(frozen=True, slots=True)
class PageAsked:
    """Which page is wanted: up to `limit` items behind `after` (None: from the start). `place` seals its cursors."""

    limit: int
    after: str | int | None
    place: str
    secret: bytes

    async def of(
        self, rows: Collection, where: Doc, shape: Callable[[Doc], Item], by: str = "_id", newest_first: bool = False
    ) -> Page[Item]:
        """The page of the documents that match `where` in the order of the unique, indexed field `by`."""
        if self.after is not None:
            where = where | {by: {"$lt" if newest_first else "$gt": self.after}}
        found = await rows.find(where, sort=[(by, -1 if newest_first else 1)], limit=self.limit + 1)
        shown, more = found[: self.limit], len(found) > self.limit
        return Page(items=[shape(row) for row in shown], next=self.cursor(_at(shown[-1], by)) if more else None)

    def cursor(self, position: str | int) -> str:
        """The sealed cursor of a position: only this list's, only as it was given out."""
        content = orjson.dumps(position)
        return urlsafe_b64encode(_seal(self.secret, self.place, content) + content).rstrip(b"=").decode()


def position_of(cursor: str, place: str, secret: bytes) -> str | int:
    """What a cursor of this list points at. BadRequest when it is not one of ours."""
    try:
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)) if len(cursor) <= LONGEST else b""
        if hmac.compare_digest(raw[:12], _seal(secret, place, raw[12:])):
            position = orjson.loads(raw[12:])
            if isinstance(position, str | int):
                return position
    except ValueError:
        pass  # not base64: told below like any other cursor that is not ours
    raise BadRequest("after", "not a cursor of this list")


def _seal(secret: bytes, place: str, content: bytes) -> bytes:
    return hmac.digest(secret, place.encode() + b"\n" + content, "sha256")[:12]


def _at(row: Doc, field: str) -> Any:
    for name in field.split("."):
        row = row[name]
    return row


class Paging:
    """Reads ?limit= and ?after=."""

    def take(self, asked: Asked) -> PageAsked:
        query = asked.query(("limit", "after"))
        limit = query.get("limit", str(LIMIT))
        if not (limit.isascii() and limit.isdigit() and len(limit) < 4 and 1 <= int(limit) <= LARGEST):
            raise BadRequest("limit", f"not a whole number from 1 to {LARGEST}")
        secret, place = asked.runtime.secrets.first, asked.scope["path"]
        after = query.get("after")
        return PageAsked(int(limit), None if after is None else position_of(after, place, secret), place, secret)

    async def __call__(
        self,
        request: Request,
        limit: Annotated[int, Query(ge=1, le=LARGEST, description="Most items to answer.")] = LIMIT,
        after: Annotated[str | None, Query(description="`next` of the page before.", max_length=LONGEST)] = None,
    ) -> PageAsked:
        return self.take(request)  # type: ignore[arg-type]


Paged = Annotated[PageAsked, Depends(Paging())]
