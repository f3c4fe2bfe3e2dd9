"""Records set aside: parked ones wait for their turn, dead ones can never be applied. Both keep the original bytes.

A document's `_id` is the record's place, so a record is kept once however often it comes (protocol.md C2, C4).
Nothing here is ever deleted; what was done with it is marked.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from shared import moments
from shared.broker.port import Incoming
from shared.contracts.cloudevents import Record
from shared.store.port import Collection, Doc, Store

PARKED, DEAD, DONE = "parked", "dead", "done"
RETRY = (1.0, 5.0, 30.0, 120.0, 600.0)  # seconds until a failed record is tried again
LOOK_AGAIN = (
    10.0  # seconds until one that still waits for an earlier version is looked at again: others have their turn
)


def place(cluster: str, consumer: str, raw: Incoming) -> str:
    """Cluster, consumer, topic, partition, offset and digest of a record, as one id."""
    parts = [
        raw.key or b"",
        raw.value or b"",
        *(bytes(part) for h in raw.headers for part in (h[0].encode(), h[1] or b"")),
    ]
    digest = sha256(b"\0".join(parts)).hexdigest()[:16]
    return f"{cluster}/{consumer}/{raw.topic}/{raw.partition}/{raw.offset}/{digest}"


def dead(cluster: str, consumer: str, raw: Incoming, reason: str, now: datetime) -> Doc:
    """The document of a record that can never be applied."""
    return _document(cluster, consumer, raw, reason, DEAD) | {"at": moments.text(now)}


def parked(
    cluster: str, consumer: str, generation: int, raw: Incoming, record: Record, reason: str, now: datetime, tries: int
) -> Doc:
    """The document of a record that waits: behind a gap (tries 0), or for its next try.

    Each generation of a view waits for itself: what a rebuild has caught up with, the live view may not have.
    """
    due = now + timedelta(seconds=RETRY[min(tries, len(RETRY)) - 1] if tries else 0)
    document = _document(cluster, consumer, raw, reason, PARKED)
    return document | {
        "_id": document["_id"] if generation == 1 else f"{document['_id']}/g{generation}",
        "generation": generation,
        "stream": record.stream,
        "version": record.version,
        "since": moments.text(now),
        "due": moments.text(due),
        "tries": tries,
    }


def raw_of(document: Doc) -> Incoming:
    """The record as it was read."""
    headers = [(name, value) for name, value in document["headers"]]
    return Incoming(
        document["topic"], document["partition"], document["offset"], document["key"], document["value"], headers
    )


def _document(cluster: str, consumer: str, raw: Incoming, reason: str, state: str) -> Doc:
    return {
        "_id": place(cluster, consumer, raw),
        "consumer": consumer,
        "cluster": cluster,
        "topic": raw.topic,
        "partition": raw.partition,
        "offset": raw.offset,
        "key": raw.key,
        "value": raw.value,
        "headers": [[name, bytes(value) if value is not None else None] for name, value in raw.headers],
        "reason": reason,
        "state": state,
    }


class Shelf:
    """The parked and dead records of one service."""

    def __init__(self, store: Store) -> None:
        self.parked: Collection = store["parked"]
        self.dead: Collection = store["dead"]

    async def prepare(self) -> None:
        await self.parked.index("consumer", "state", "due")
        await self.parked.index("consumer", "stream")
        await self.dead.index("consumer", "state")

    async def waiting(self, consumer: str, generation: int, streams: Sequence[str]) -> list[Doc]:
        """What is parked on these streams. Raises StoreAway."""
        where = {"consumer": consumer, "stream": {"$in": list(streams)}}
        found = await self.parked.find(where)
        return [document for document in found if (document["state"], document["generation"]) == (PARKED, generation)]

    async def due(self, consumer: str, generation: int, now: datetime, limit: int = 500) -> list[Doc]:
        """What is parked and due for another look."""
        due = {"$lt": moments.text(now + timedelta(milliseconds=1))}
        where = {"consumer": consumer, "state": PARKED, "due": due, "generation": generation}
        return await self.parked.find(where, limit=limit)

    async def still_waiting(self, ids: Sequence[str], now: datetime) -> None:
        """These wait for an earlier version that has not come: they are due again later."""
        if ids:
            where = {"_id": {"$in": list(ids)}, "state": PARKED, "tries": 0}
            await self.parked.update(where, {"$set": {"due": moments.text(now + timedelta(seconds=LOOK_AGAIN))}})

    async def park(self, documents: Sequence[Doc]) -> int:
        """Park what waits for an earlier version; how many were not parked yet. One that was done with waits again."""
        stored = await self.parked.insert(documents)
        taken = [document["_id"] for document, new in zip(documents, stored, strict=True) if not new]
        if taken:
            again = {key: documents[0][key] for key in ("state", "due", "tries", "reason")}
            await self.parked.update({"_id": {"$in": taken}, "state": DONE}, {"$set": again})
        return sum(stored)

    async def postpone(self, document: Doc) -> None:
        """Park what failed until its next try, whatever it was before."""
        if not (await self.parked.insert([document]))[0]:
            changes = {key: document[key] for key in ("state", "due", "tries", "reason")}
            await self.parked.update({"_id": document["_id"]}, {"$set": changes})

    async def forget(self, consumer: str, generation: int) -> None:
        """Nobody waits for this generation any more."""
        where = {"consumer": consumer, "generation": generation, "state": PARKED}
        await self.parked.update(where, {"$set": {"state": DONE}})

    async def to_redrive(self, consumer: str, limit: int = 100) -> list[Doc]:
        """Dead records that somebody wants tried again."""
        return await self.dead.find({"consumer": consumer, "state": "redrive"}, limit=limit)

    async def redriven(self, name: str) -> None:
        """Tried again, and not dead again."""
        await self.dead.update({"_id": name, "state": "redrive"}, {"$set": {"state": "redriven"}})

    async def dead_again(self, names: Sequence[str]) -> None:
        """Tried again, and as dead as before."""
        if names:
            await self.dead.update({"_id": {"$in": list(names)}, "state": "redrive"}, {"$set": {"state": DEAD}})

    async def mark(self, ids: Sequence[str], state: str) -> None:
        """Mark parked records as done with."""
        if ids:
            await self.parked.update({"_id": {"$in": list(ids)}}, {"$set": {"state": state}})
