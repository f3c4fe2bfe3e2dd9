"""A small service for the tests of HTTP: notes that people keep, over the real event log and a store in memory."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import httpx
from pydantic import Field, StringConstraints

from shared.contracts.base import Code, Event, StreamKind
from shared.eventlog.aggregate import Aggregate
from shared.eventlog.log import EventLog
from shared.http.callers import Citizen, ProgramOperator, Visitor
from shared.http.commands import Asking, Log, OnVersion, Receipt
from shared.http.endpoints import Router
from shared.http.forms import Form, Instant
from shared.http.keys import make_keys
from shared.http.pages import Page, Paged
from shared.http.reads import ReadAfter, Shown
from shared.http.roles import Role
from shared.http.stored import Stored
from shared.http.tokens import issue_token
from shared.refusals import NotThere, Refusal, Unavailable
from shared.runtime import Runtime
from shared.service import Service, StorePart, shell
from shared.settings import Settings, load_settings
from tests.simulation.store import MemoryServer, MemoryStore

router = Router()


class Noted(Event):
    word: Code


class Closed(Event):
    reason: Code | None = None


class NoteIsClosed(Refusal):
    """A closed note takes nothing more."""

    code, status = "note-is-closed", 409
    ko, en = "닫힌 메모입니다.", "This note is closed."


NOTE = StreamKind("tiny", "note", (Noted, Closed))


@dataclass(frozen=True)
class Note:
    words: tuple[str, ...] = ()
    closed: bool = False


def evolve(note: Note | None, event: Event) -> Note:
    note = note or Note()
    match event:
        case Noted():
            return replace(note, words=(*note.words, event.word))
        case _:
            return replace(note, closed=True)


NOTES = Aggregate(NOTE, Note, evolve, view="notes")


class NoteForm(Form):
    word: Code
    count: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    due: Instant | None = None
    texts: dict[Annotated[str, StringConstraints(max_length=40)], str] = Field(default_factory=dict)


class CloseForm(Form):
    reason: Code


class NoteShown(Shown):
    words: list[str]


NoteId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]


@router.post("/notes/{note_id}", status_code=201)
async def note(note_id: NoteId, body: NoteForm, me: Citizen, command: Asking, log: Log) -> Receipt:
    """Note a word."""

    def rule(note: Note | None) -> list[Event]:
        if note and note.closed:
            raise NoteIsClosed(word=body.word)
        return [Noted(word=body.word)]

    return Receipt.of(await log.decide(NOTE.stream(note_id), rule, command))


@router.post("/notes/{note_id}/close")
async def close(
    note_id: NoteId, me: ProgramOperator, command: OnVersion, log: Log, body: CloseForm | None = None
) -> Receipt:
    """Close a note."""

    def rule(note: Note | None) -> list[Event]:
        if note is None:
            raise NotThere
        return [] if note.closed else [Closed(reason=body.reason if body else None)]

    return Receipt.of(await log.decide(NOTE.stream(note_id), rule, command))


@router.post("/notes/{note_id}/touch")
async def touch(note_id: NoteId, me: Citizen, command: Asking) -> Receipt:
    """A command without a body and without an effect."""
    return Receipt(id=note_id, stream=NOTE.stream(note_id), version=1)


@router.get("/notes/{note_id}")
async def shown(note_id: NoteId, me: Visitor, log: Log) -> NoteShown:
    """One note."""
    found = await log.read(NOTE.stream(note_id))
    if found.state is None:
        raise NotThere
    return NoteShown(version=found.version, words=list(found.state.words))


class Row(Form):
    id: str


@router.get("/rows")
async def rows(page: Paged, fresh: ReadAfter, me: Citizen, store: Stored) -> Page[Row]:
    """A list of rows; the stream `note:slow` is never reached, `note:foreign` nobody may ask about."""

    async def reached(stream: str) -> int:
        return 0 if stream.endswith("slow") else 10**6

    await fresh.by(reached, lambda stream: not stream.endswith("foreign"))
    return await page.of(store["rows"], {}, lambda row: Row(id=row["_id"]))


router_that_breaks = Router()


@router_that_breaks.get("/broken")
async def broken() -> Row:
    """A bug."""
    raise KeyError("010-1234-5678")


@router_that_breaks.get("/away")
async def away() -> Row:
    """The store is away."""
    raise Unavailable("mongodb://user:password@somewhere")


def settings_in(home: Path, **more: Any) -> Settings:
    make_keys(home / "keys")
    return load_settings({}, home=home, **more)


def tiny(settings: Settings, rows: int = 0, routers: tuple[Router, ...] = (router, router_that_breaks)) -> Service:
    server = MemoryServer()

    def wiring(runtime: Runtime) -> None:
        runtime.store = MemoryStore(server)
        runtime.log = EventLog(runtime.store, [NOTES])

        async def fill() -> None:
            await runtime.store["rows"].insert([{"_id": f"r{number:04d}"} for number in range(rows)])

        runtime.parts.append(StorePart(runtime, fill))

    return shell("tiny", routers=routers, wiring=wiring, settings=settings, about="Notes, to test HTTP with.")


@asynccontextmanager
async def client_of(app: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app, started and ready."""
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://tiny") as client:
            for _ in range(500):
                if (await client.get("/health/ready")).is_success:
                    break
                await asyncio.sleep(0.01)
            yield client


def uuid7(ahead: float = 0.0) -> str:
    """A UUIDv7 of now, or so many seconds ahead."""
    text = f"{int((time.time() + ahead) * 1000):012x}7{secrets.token_hex(2)[:3]}8{secrets.token_hex(8)[:15]}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


PERSON = "c0ffee" + "0" * 26


def bearer(settings: Settings, *roles: Role, sub: str = PERSON, ttl: float = 600) -> dict[str, str]:
    """An Authorization header."""
    return {"authorization": f"Bearer {issue_token(settings, roles or (Role.CITIZEN,), sub, ttl)}"}
