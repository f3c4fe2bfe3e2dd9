"""Parked and dead records of all services, found by a short reference, and marked for another try."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal

from deploy.cli.reach import Parts, store_of
from deploy.local.trouble import Trouble
from shared import moments
from shared.consumption.shelf import DEAD, PARKED, Shelf
from shared.settings import Settings
from shared.store.port import Collection, Doc

REDRIVE, REDRIVEN = "redrive", "redriven"
Outcome = Literal["marked", "marked before", "waits"]
OPEN = (DEAD, PARKED, REDRIVE)
WITHOUT_BYTES = ("value", "headers")


@dataclass(frozen=True)
class Grave:
    """One record set aside by a consumer of a service. `document` may lack the bytes."""

    service: str
    shelf: str
    document: Doc

    @property
    def ref(self) -> str:
        """Twelve hex digits that name it: the start of its id's SHA-256."""
        return sha256(str(self.document["_id"]).encode()).hexdigest()[:12]

    def summary(self) -> dict[str, Any]:
        """What a list shows of it: no bytes, no headers."""
        d = self.document
        return {
            "ref": self.ref,
            "service": self.service,
            "consumer": d["consumer"],
            "state": d["state"],
            "record": f"{d['topic']}[{d['partition']}]@{d['offset']}",
            "since": d.get("since") or d.get("at", ""),
            "reason": d["reason"],
            "stream": f"{d['stream']}@{d['version']}" if "stream" in d else "",
            "tries": d.get("tries", 0),
        }


async def gather(settings: Settings, services: Sequence[Parts], consumer: str | None, done_too: bool) -> list[Grave]:
    """All of them, the newest last. Raises StoreAway."""
    found = [
        grave
        async for grave in _each(settings, services)
        if (consumer is None or grave.document["consumer"] == consumer)
        and (done_too or grave.document["state"] in OPEN)
    ]
    return sorted(found, key=lambda grave: (grave.summary()["since"], grave.document["_id"]))


async def find(settings: Settings, services: Sequence[Parts], ref: str) -> Grave:
    """The one with this reference (or the start of it), bytes and all. Raises Trouble, StoreAway."""
    matching = [grave async for grave in _each(settings, services) if grave.ref.startswith(ref.lower())]
    if not matching:
        raise Trouble(f"No record has the reference {ref}; hamkke dead list --all shows which there are.")
    if len(matching) > 1:
        raise Trouble(f"{len(matching)} records begin with {ref}; give more of the reference.")
    grave = matching[0]
    async with store_of(settings, grave.service) as store:
        name = str(grave.document["_id"])
        return Grave(grave.service, grave.shelf, (await store[grave.shelf].get([name]))[name])


async def redrive_these(
    settings: Settings, services: Sequence[Parts], refs: Sequence[str] | None, consumer: str | None
) -> Counter[Outcome]:
    """Mark these records (all open ones without `refs`); what became of how many. Raises Trouble, StoreAway."""
    if refs:
        graves = [await find(settings, services, ref) for ref in dict.fromkeys(refs)]
    else:
        graves = await gather(settings, services, consumer, False)
    outcomes: Counter[Outcome] = Counter()
    for grave in graves:
        async with store_of(settings, grave.service) as store:
            outcomes[await _mark(store[grave.shelf], grave.document)] += 1
    return outcomes


async def _mark(shelf: Collection, document: Doc) -> Outcome:
    """A dead one asks for the sweeper; a parked one is due now. Each by its state, so that asking twice is asking once."""
    name, state = document["_id"], document["state"]
    now, marked = moments.text(datetime.now(UTC)), 0
    if state in (DEAD, REDRIVEN):
        marked = await shelf.update({"_id": name, "state": state}, {"$set": {"state": REDRIVE}})
    elif state == PARKED and not document["tries"]:  # nothing failed: it is tried whenever its stream moves
        return "waits"
    elif state == PARKED and document["due"] > now:
        marked = await shelf.update({"_id": name, "state": PARKED, "due": {"$gt": now}}, {"$set": {"due": now}})
    return "marked" if marked else "marked before"


async def _each(settings: Settings, services: Sequence[Parts]) -> AsyncIterator[Grave]:
    for parts in services:
        async with store_of(settings, parts.service) as store:
            shelf = Shelf(store)
            for collection in (shelf.parked, shelf.dead):
                async for documents in collection.scan(without=WITHOUT_BYTES):
                    for document in documents:
                        yield Grave(parts.service, collection.name, document)
