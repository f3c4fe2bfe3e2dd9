"""The envelope: CloudEvents 1.0 in Kafka's binary mode, and the hash that chains a stream's events.

Hash of an event = SHA-256(previous hash LF canonical JSON of its attributes LF the record's value), hex.
The attributes are those named in `HASHED` that the event has, as an object of strings. The first event's
previous hash is empty. Whoever holds the records can recompute all of it; other headers do not count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from shared import moments
from shared.broker.port import UNREADABLE, Incoming, Outgoing
from shared.canonical import canonical, sha256
from shared.contracts.base import StreamKind

HASHED = (
    "id", "source", "type", "subject", "time", "recordedtime", "dataschema", "streamversion",
    "projectid", "actorref", "traceparent", "correlationid", "causationid",
)  # fmt: skip
REQUIRED = ("id", "source", "type", "subject", "time", "recordedtime", "dataschema", "streamversion", "actorref")
_KNOWN = {f"ce_{name}": name for name in (*HASHED, "specversion", "prevhash", "hash")} | {
    "content-type": "content-type"
}
CONTENT_TYPE = "application/json"


class Unreadable(Exception):
    """These bytes are no event, and never will be. The message says why."""


@dataclass(frozen=True, slots=True)
class Record:
    """An event as read from a topic, its own hash verified."""

    id: str
    stream: str
    version: int
    type: str
    time: str
    recorded: str
    source: str
    prev: str
    hash: str
    data: dict[str, Any]
    attributes: dict[str, str]

    @property
    def actor(self) -> str:
        return self.attributes["actorref"]


def event_id(stream: str, version: int) -> str:
    """`<stream>@<version>`."""
    return f"{stream}@{version}"


def attributes_of(
    kind: StreamKind, commit: dict[str, Any], version: int, event_type: str, data: dict[str, Any]
) -> dict[str, str]:
    """The published attributes of one event of a commit."""
    attributes = {
        "id": f"{commit['stream']}@{version}",
        "source": kind.source,
        "type": event_type,
        "subject": commit["stream"],
        "time": commit["time"],
        "recordedtime": commit["at"],
        "dataschema": f"urn:hamkke:schema:{event_type}",
        "streamversion": str(version),
        "actorref": commit["actor"],
    }
    if project := data.get("project_id"):
        attributes["projectid"] = project
    for name, key in (("traceparent", "trace"), ("correlationid", "correlation"), ("causationid", "causation")):
        if value := commit.get(key):
            attributes[name] = value
    return attributes


def chain_hash(prev: str, attributes: dict[str, str], value: bytes) -> str:
    """The hash of one event; see the module's words."""
    return sha256(prev.encode(), canonical(attributes), value)


def records_of(kind: StreamKind, commit: dict[str, Any]) -> list[Outgoing]:
    """The records that publish a commit, in order, as the relay sends them."""
    prev, key, out = commit["prev"], commit["stream"].encode(), []
    for version, event in enumerate(commit["events"], start=commit["first"]):
        attributes = attributes_of(kind, commit, version, event["type"], event["data"])
        headers = [("content-type", b"application/json"), ("ce_specversion", b"1.0")]
        headers += [(f"ce_{name}", value.encode()) for name, value in attributes.items()]
        headers += [("ce_prevhash", prev.encode()), ("ce_hash", event["hash"].encode())]
        out.append(Outgoing(kind.topic, key, canonical(event["data"]), headers))
        prev = event["hash"]
    return out


def read_record(raw: Incoming) -> Record:
    """The event in a raw record. Raises Unreadable; never anything else, whatever the bytes."""
    found = _headers(raw.headers)
    if raw.value is None:
        raise Unreadable("no value (a tombstone)")
    if missing := [name for name in (*REQUIRED, "specversion", "hash", "content-type") if name not in found]:
        raise Unreadable(f"header missing: {', '.join(missing)}")
    if found.pop("specversion") != "1.0":
        raise Unreadable("not CloudEvents 1.0")
    if not found.pop("content-type").lower().startswith(CONTENT_TYPE):
        raise Unreadable("content-type is not application/json")
    prev, own = found.pop("prevhash", ""), found.pop("hash")
    version = _version(found["streamversion"])
    _moments(found)
    if found["id"] != f"{found['subject']}@{version}":
        raise Unreadable("the id is not <subject>@<streamversion>")
    if raw.key != found["subject"].encode():
        raise Unreadable("the key is not the subject")
    if chain_hash(prev, found, raw.value) != own:
        raise Unreadable("the record does not match its own hash")
    return Record(
        found["id"], found["subject"], version, found["type"], found["time"], found["recordedtime"],
        found["source"], prev, own, _data(raw.value), found,
    )  # fmt: skip


def _headers(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        known = _KNOWN.get(name)
        if known is None:
            if name.startswith(UNREADABLE):
                raise Unreadable(f"not readable: {name.removeprefix(UNREADABLE)[:80]}")
            continue
        if known in found:
            raise Unreadable(f"header repeated: {name}")
        try:
            found[known] = bytes(value).decode()
        except (UnicodeDecodeError, TypeError):
            raise Unreadable(f"header unreadable: {name}") from None
    return found


def _version(written: str) -> int:
    if not (written.isascii() and written.isdigit() and written[0] != "0" and len(written) < 16):
        raise Unreadable("streamversion is not a positive number")
    return int(written)


def _moments(found: dict[str, str]) -> None:
    try:
        for name in ("time", "recordedtime"):
            moments.moment(found[name])
    except (ValueError, OverflowError):
        raise Unreadable(f"{name} is no moment") from None


def _data(value: bytes) -> dict[str, Any]:
    try:
        data = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise Unreadable("the value is not JSON") from None
    if not isinstance(data, dict):
        raise Unreadable("the value is not a JSON object")
    return data
