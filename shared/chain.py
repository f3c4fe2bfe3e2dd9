"""Verifying chains: each stream's events, recomputed hash by hash, whatever order they are read in. Pure.

An unkeyed hash shows that history was changed for some; it does not show who wrote what fits (protocol.md C7).
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from shared.canonical import canonical
from shared.contracts.base import StreamKind, kind_of
from shared.contracts.cloudevents import Record, attributes_of, chain_hash


class Misfit(NamedTuple):
    """An event that does not fit: its stream and version (or its place on the topic), and why."""

    stream: str
    version: int
    reason: str

    def __str__(self) -> str:
        return f"{self.stream}@{self.version}: {self.reason}"


class Link(NamedTuple):
    """A run of events of one stream: from where to where, the hash before and the hash behind."""

    first: int
    last: int
    prev: str
    hash: str


class Chains:
    """Gathers links, then says what does not fit. Repeats of the same link are harmless; rivals are not."""

    def __init__(self) -> None:
        self._links: dict[str, set[Link]] = {}
        self.misfits: list[Misfit] = []
        self.events = 0

    def take_commit(self, commit: Mapping[str, Any], kinds: Mapping[str, StreamKind]) -> None:
        """A commit as the log holds it: every hash in it is computed again."""
        try:
            stream, first, last = str(commit["stream"]), int(commit["first"]), int(commit["last"])
            self.events += len(commit["events"])
            self.misfits += _inside(commit, kinds)
            self._link(stream, Link(first, last, commit["prev"], commit["events"][-1]["hash"]))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            self.misfits.append(Misfit(str(commit.get("_id")), 0, f"is no commit ({type(error).__name__}: {error})"))

    def take_record(self, record: Record) -> None:
        """A record from a topic, its own hash verified by `read_record`."""
        self.events += 1
        self._link(record.stream, Link(record.version, record.version, record.prev, record.hash))

    def take_unreadable(self, where: str, offset: int, reason: str) -> None:
        """A record that is no event, or not what its own hash says. `where` is its topic and partition."""
        self.misfits.append(Misfit(where, offset, reason))

    @property
    def streams(self) -> int:
        return len(self._links)

    def heads(self) -> dict[str, tuple[int, str]]:
        """Per stream the newest version that hangs together with the first, and its hash."""
        return {stream: (link.last, link.hash) for stream in self._links if (link := self._walk(stream)[0])}

    def faults(self) -> list[Misfit]:
        """All that does not fit, in the order of streams and versions."""
        found = list(self.misfits)
        for stream in self._links:
            found += self._walk(stream)[1]
        return sorted(set(found))

    def _link(self, stream: str, link: Link) -> None:
        self._links.setdefault(stream, set()).add(link)

    def _walk(self, stream: str) -> tuple[Link | None, list[Misfit]]:
        """Follow the chain from its start; what is off it is a misfit."""
        head: Link | None = None
        faults: list[Misfit] = []
        version, prev, broken = 0, "", False
        for link in sorted(self._links[stream]):
            if link.first == version + 1 and link.prev == prev:
                head, version, prev = link, link.last, link.hash
            elif link.first <= version:
                faults.append(Misfit(stream, link.first, "there is another event of this version"))
            elif not broken:  # what follows a break cannot fit either
                gap = f"the version before is missing (the chain ends at {version})"
                same = "the hash that it names as the one before is another"
                faults.append(Misfit(stream, link.first, gap if link.first > version + 1 else same))
                broken = link.first > version + 1
        return head, faults


def differences(log: Mapping[str, tuple[int, str]], topics: Mapping[str, tuple[int, str]]) -> Iterator[Misfit]:
    """Where the topics' chains are other than the log's. Both as `heads` gives them, the log read first."""
    for stream, (version, own) in sorted(log.items()):
        there, theirs = topics.get(stream, (0, ""))
        if there < version:
            yield Misfit(stream, there + 1, "is in the log and not on its topic")
        elif there == version and theirs != own:
            yield Misfit(stream, version, "is another event on the topic than in the log")


def _inside(commit: Mapping[str, Any], kinds: Mapping[str, StreamKind]) -> Iterator[Misfit]:
    stream, first, prev = commit["stream"], commit["first"], commit["prev"]
    kind = kinds.get(kind_of(stream))
    if kind is None:
        yield Misfit(stream, first, f"no service has streams of the kind {kind_of(stream)!r}")
        return
    if commit["_id"] != f"{stream}@{first}" or commit["last"] - first + 1 != len(commit["events"]):
        yield Misfit(stream, first, f"the commit {commit['_id']} does not hold what its versions say")
    for version, event in enumerate(commit["events"], start=first):
        attributes = attributes_of(kind, dict(commit), version, event["type"], event["data"])
        if chain_hash(prev, attributes, canonical(event["data"])) != event["hash"]:
            yield Misfit(stream, version, "its data or attributes are not those that were hashed")
            return
        prev = event["hash"]
