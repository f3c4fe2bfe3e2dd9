"""Poison: each row of the table of docs/architecture.md, and what must come of it. Bodies up to the largest a topic takes."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from hashlib import sha256
from random import Random
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from shared.broker.kafka import _abandon
from shared.canonical import canonical
from shared.contracts.base import StreamKind
from shared.contracts.cloudevents import chain_hash
from shared.contracts.recruitment import APPLICATION, CALL, ApplicationSubmitted

LARGEST = 1_048_588
"""Bytes of the largest batch that a topic takes (deploy/local/topics.py)."""
CLOSES = 3.0  # seconds
Header = tuple[str, bytes | None]


class Fate(Enum):
    """What must come of a record."""

    DEAD = "dead, exactly once"
    AT_MOST_DEAD = "dead at most once, or waiting: it never takes effect"
    DROPPED = "neither dead nor waiting: it is long known"
    PASSED = "counted and passed over; the guard moves"
    APPLIED = "applied, nothing is sent back"

    @property
    def is_good(self) -> bool:
        """It takes effect."""
        return self in (Fate.PASSED, Fate.APPLIED)

    @property
    def may_be_dead(self) -> bool:
        return self in (Fate.DEAD, Fate.AT_MOST_DEAD)


@dataclass(frozen=True)
class Poison:
    """One record that nobody of ours sent."""

    row: str
    fate: Fate
    topic: str
    stream: str  # whose partition it is sent to
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    version: int = 0

    @cached_property
    def digest(self) -> str:
        return digest(self.key, self.value, self.headers)


def digest(key: bytes | None, value: bytes | None, headers: Any) -> str:
    """Tells two records apart whatever their place."""
    parts = [b"" if part is None else bytes(part) + b"." for part in (key, value)]
    for name, content in headers:
        parts += [str(name).encode(), bytes(content or b"")]
    return sha256(b"\0".join(parts)).hexdigest()


class Poisoner:
    """Makes poison for one topic. Streams of its own are `<kind>:poison…`; forged records use streams that exist."""

    def __init__(self, kind: StreamKind, rng: Random) -> None:
        self._kind, self._rng = kind, rng

    def all_rows(self, victims: list[tuple[str, int]], *, quiet: bool = False) -> list[Poison]:
        """One record (or run of records) of each row; `victims` are streams of the log with their newest versions.

        `quiet`: consumers have applied these versions, so that what is older is surely dropped.
        """
        rows = [*self._always_dead(), *self._own_streams()]
        for stream, version in victims[:1]:
            rows += self._forged(stream, version, Fate.DROPPED if quiet else Fate.AT_MOST_DEAD)
        return rows

    def garbage(self) -> Poison:
        """The commonest one: bytes that are nothing."""
        return self._of("not JSON", Fate.DEAD, self._stream(), value=self._rng.randbytes(40))

    def _always_dead(self) -> Iterator[Poison]:
        dead = Fate.DEAD
        yield self._of("not JSON", dead, self._stream(), value=b'{"call_id": ')
        yield self._of("JSON, and no object", dead, self._stream(), value=b"[1,2,3]")
        yield self._of("not UTF-8", dead, self._stream(), value=b'{"call_id": "\xff\xfe"}')
        yield self._of("no value (tombstone)", dead, self._stream(), value=None)
        yield self._of("header not UTF-8", dead, self._stream(), change=_replaced("ce_time", b"\xff\xfe\xfd"))
        yield self._of("header without a value", dead, self._stream(), change=_replaced("ce_type", None))
        yield self._of("header repeated", dead, self._stream(), change=lambda h: [*h, _first(h, "ce_id")])
        yield self._of("header missing", dead, self._stream(), change=lambda h: [x for x in h if x[0] != "ce_subject"])
        yield self._of("no headers at all", dead, self._stream(), change=lambda h: [])
        yield self._of("own hash wrong", dead, self._stream(), change=_replaced("ce_hash", b"0" * 64))
        yield self._of("no key", dead, self._stream(), key=None)
        yield self._of("a version that is no number", dead, self._stream(), change=_replaced("ce_streamversion", b"-1"))
        if self._kind is APPLICATION:
            later = ApplicationSubmitted.TYPE.replace(".v1", ".v2")
            yield self._of("unknown major version", dead, self._stream(), event_type=later)
            yield self._of("data breaks the contract", dead, self._stream(), value=canonical({"call_id": 7}))
        yield self._of("largest, not JSON", dead, self._stream(), size=LARGEST, filler=b"\xff")
        yield self._of("largest, own hash wrong", dead, self._stream(), size=LARGEST, change=_replaced("ce_hash", b""))

    def _forged(self, stream: str, version: int, older: Fate) -> Iterator[Poison]:
        forged, odd = Fate.AT_MOST_DEAD, self._rng.randbytes(32).hex()
        yield self._of("next version, chain does not fit", forged, stream, version=version + 1, prev=odd)
        yield self._of("version applied last, another hash", forged, stream, version=max(version, 1), prev=odd)
        if version > 1:
            yield self._of("version applied before, another hash", older, stream, version=version - 1, prev=odd)
        yield self._of("beyond the next, chain does not fit", forged, stream, version=version + 3, prev=odd)
        yield self._of("beyond the next, largest", forged, stream, version=version + 4, prev=odd, size=LARGEST)

    def _own_streams(self) -> Iterator[Poison]:
        stream, applied = self._stream(), Fate.APPLIED if self._kind is APPLICATION else Fate.PASSED
        strange = f"hamkke.recruitment.{self._kind.name.capitalize()}Dreamt.v1"
        first = self._of("type unknown to us", Fate.PASSED, stream, event_type=strange, value=b"{}")
        yield first
        odd = [
            ("reply_to", CALL.topic.encode()),
            ("correlation_id", b"x" * 300),
            ("x-empty", b""),
            ("x-binary", b"\xff"),
        ]
        second = self._of(
            "headers unknown to us", applied, stream, version=2, prev=_hash(first), change=lambda h: [*h, *odd]
        )
        yield second
        yield self._of("largest that is good", applied, stream, version=3, prev=_hash(second), size=LARGEST)
        gap = self._stream()
        runs = [self._of("beyond the next, then it comes", applied, gap)]
        for version in (2, 3):
            runs.append(self._of("beyond the next, then it comes", applied, gap, version=version, prev=_hash(runs[-1])))
        yield from reversed(runs)

    def _of(
        self,
        row: str,
        fate: Fate,
        stream: str,
        *,
        version: int = 1,
        prev: str = "",
        event_type: str | None = None,
        value: bytes | None = b"",
        key: bytes | None = b"",
        change: Callable[[list[Header]], list[Header]] = lambda headers: headers,
        size: int = 0,
        filler: bytes = b"",
    ) -> Poison:
        """A record that is right in all but what is asked for; `size` fills it up to that many bytes on the wire."""
        value = self._good_value(stream) if value == b"" else value
        event_type = event_type or next(iter(self._kind.types))
        key = stream.encode() if key == b"" else key

        def headers_for(content: bytes | None) -> list[Header]:
            attributes = {
                "id": f"{stream}@{version}",
                "source": self._kind.source,
                "type": event_type,
                "subject": stream,
                "time": "2026-11-23T09:00:00.000Z",
                "recordedtime": "2026-11-23T09:00:00.000Z",
                "dataschema": f"urn:hamkke:schema:{event_type}",
                "streamversion": str(version),
                "actorref": "0" * 32,
            }
            own = chain_hash(prev, attributes, content or b"")
            headers: list[Header] = [("content-type", b"application/json"), ("ce_specversion", b"1.0")]
            headers += [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
            return change([*headers, ("ce_prevhash", prev.encode()), ("ce_hash", own.encode())])

        if size and value is not None:
            room = size - _on_the_wire(key, value, headers_for(value)) - 64
            value = filler * room if filler else value[:-1] + b',"more":"' + b"x" * (room - 12) + b'"}'
        headers = tuple(headers_for(value))
        return Poison(row, fate, self._kind.topic, stream, key, value, headers, version)

    def _stream(self) -> str:
        name = self._rng.randbytes(16).hex()
        return self._kind.stream(f"poison-{name[:8]}", name) if self._kind is APPLICATION else self._kind.stream(name)

    def _good_value(self, stream: str) -> bytes:
        if self._kind is not APPLICATION:
            return canonical({"call_id": stream.partition(":")[2], "project_id": "p"})
        _, call, citizen = stream.split(":")
        data = {
            "call_id": call,
            "project_id": "poison",
            "citizen": citizen,
            "number": "POIS-ON00",
            "title": {"ko": "없는 모집", "en": "A call that never was"},
            "result_by": "2027-01-01T00:00:00.000Z",
            "attributes": "0" * 64,
            "answers": "1" * 64,
        }
        return canonical(data)


def _replaced(name: str, content: bytes | None) -> Callable[[list[Header]], list[Header]]:
    return lambda headers: [(n, content if n == name else v) for n, v in headers]


def _first(headers: list[Header], name: str) -> Header:
    return next(header for header in headers if header[0] == name)


def _hash(record: Poison) -> str:
    return (dict(record.headers)["ce_hash"] or b"").decode()


def _on_the_wire(key: bytes | None, value: bytes | None, headers: list[Header]) -> int:
    """Bytes of a batch of this one record, at most."""
    return 90 + len(key or b"") + len(value or b"") + sum(len(n) + len(v or b"") + 6 for n, v in headers)


async def send(bootstrap: str, records: list[tuple[Poison, int]], patience: float = 10.0) -> int:
    """Send each to its partition, in order; how many were acknowledged. What was not may be there all the same."""
    producer = AIOKafkaProducer(
        bootstrap_servers=[bootstrap], acks="all", max_request_size=2 * LARGEST, max_batch_size=256 * 1024
    )
    sent: list[asyncio.Future[Any]] = []
    try:
        async with asyncio.timeout(patience):
            await producer.start()
            for record, partition in records:
                with suppress(MessageSizeTooLargeError):  # one that is refused does not hide the next
                    place = {"key": record.key, "partition": partition, "headers": list(record.headers)}
                    sent.append(await producer.send(record.topic, record.value, **place))
            await asyncio.gather(*sent, return_exceptions=True)
        await asyncio.wait_for(producer.stop(), CLOSES)
    except (KafkaError, OSError, TimeoutError):
        await _abandon(producer)  # the broker is away, which is as good a time as any; a flush could wait for ever
    return sum(one.done() and not one.cancelled() and one.exception() is None for one in sent)
