"""The inbox over HTTP: everyone reads the own one."""

from pydantic import BaseModel

from services.notifications import views
from shared.contracts.base import Moment
from shared.http.callers import AnyCaller
from shared.http.endpoints import Router
from shared.http.pages import Page, Paged
from shared.http.reads import ReadAfter
from shared.http.stored import Stored, version_in
from shared.store.port import Doc

router = Router()


class Entry(BaseModel):
    """One message, in both languages. `about` is the stream of the thing that changed."""

    id: str
    template: str
    about: str
    time: Moment
    ko: str
    en: str

    @classmethod
    def of(cls, row: Doc) -> "Entry":
        return cls(id=row["_id"], **{name: row[name] for name in ("template", "about", "time", "ko", "en")})


@router.get("/inbox")
async def inbox(me: AnyCaller, page: Paged, fresh: ReadAfter, store: Stored) -> Page[Entry]:
    """The own entries, newest last. Read-After waits until the change it names has been told."""
    entries, guards = await views.collections(store)
    await fresh.by(version_in(guards), views.about(me.ref))
    if await views.is_silent(entries, me.ref):
        return Page(items=[])
    return await page.of(entries, {"recipient": me.ref}, Entry.of, by="place")
