"""Five records compared: what people were told, the log, the topics, the main view, the inboxes. Pure.

Whoever was told yes must be found in all of them: once, and in order. Findings are sentences; none is good news.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

Doc = Mapping[str, Any]


class Told(NamedTuple):
    """A yes that a person got: what was asked for, on which stream, and the version it led to."""

    stream: str
    version: int
    what: str


class Fact(NamedTuple):
    """An event as a topic holds it, in the order of offsets."""

    stream: str
    version: int
    hash: str


@dataclass
class Findings:
    """What is wrong. Empty lists are what everybody hopes for."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.disordered or self.wrong)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for name in ("lost", "doubled", "disordered", "wrong"):
            yield from ((name, sentence) for sentence in getattr(self, name))


def log_of(commits: Iterable[Doc]) -> dict[str, list[Doc]]:
    """The commits by stream, in the order of versions."""
    found: dict[str, list[Doc]] = {}
    for commit in commits:
        found.setdefault(commit["stream"], []).append(commit)
    for stream in found.values():
        stream.sort(key=lambda commit: commit["first"])
    return found


def compare_answers(told: Iterable[Told], log: Mapping[str, Sequence[Doc]], into: Findings) -> None:
    """Each yes is one commit of the log, and each commit was somebody's yes (every command was asked until answered)."""
    yes = Counter((one.stream, one.version) for one in told)
    for one in dict.fromkeys(told):
        if not any(commit["last"] == one.version for commit in log.get(one.stream, ())):
            into.lost.append(f"{one.what} was confirmed as {one.stream}@{one.version}, which is not in the log")
    for stream, commits in log.items():
        into.doubled += [
            f"the log holds {commit['_id']}, which nobody was told of"
            for commit in commits
            if not yes[stream, commit["last"]]
        ]
    into.doubled += [
        f"{stream}@{version} is the answer to {n} different wishes" for (stream, version), n in yes.items() if n > 1
    ]


def compare_order(log: Mapping[str, Sequence[Doc]], into: Findings) -> None:
    """In the log versions follow each other without a gap, each event on the hash before it, no command twice."""
    for stream, commits in log.items():
        version, prev, commands = 0, "", set[str]()
        for commit in commits:
            if commit["first"] != version + 1 or commit["prev"] != prev:
                into.disordered.append(f"in the log {commit['_id']} does not follow {stream}@{version}")
            if commit["command_id"] in commands:
                into.doubled.append(f"in the log {commit['_id']} carries a command out a second time")
            commands.add(commit["command_id"])
            version, prev = commit["last"], commit["events"][-1]["hash"]


def compare_topics(log: Mapping[str, Sequence[Doc]], facts: Iterable[Fact], into: Findings) -> None:
    """Each event of the log is on its topic, and first appears behind the one before it. Repeats are allowed there."""
    events = {
        (stream, version): event["hash"]
        for stream, commits in log.items()
        for commit in commits
        for version, event in enumerate(commit["events"], start=commit["first"])
    }
    reached: dict[str, int] = {}
    seen: set[tuple[str, int]] = set()
    for fact in facts:
        place = fact.stream, fact.version
        if events.get(place) != fact.hash:
            into.wrong.append(f"the topic holds {fact.stream}@{fact.version}, which is not what the log holds")
        elif place not in seen:
            seen.add(place)
            if fact.version > reached.get(fact.stream, 0) + 1:
                into.disordered.append(f"on the topic {fact.stream}@{fact.version} comes before what precedes it")
            reached[fact.stream] = max(fact.version, reached.get(fact.stream, 0))
    into.lost += [
        f"{stream}@{version} is not on its topic" for stream, version in events if (stream, version) not in seen
    ]


def compare_views(name: str, rebuilt: Mapping[str, Doc], live: Mapping[str, Doc], into: Findings) -> None:
    """The live view equals the one that the log alone gives."""
    for stream, document in rebuilt.items():
        found = live.get(stream)
        if found is None:
            into.lost.append(f"{stream} is not in the view {name}")
        elif found["version"] < document["version"]:
            into.lost.append(
                f"in the view {name} {stream} is at {found['version']}, in the log at {document['version']}"
            )
        elif found != document:
            into.wrong.append(f"in the view {name} {stream} is not what the log says")
    into.wrong += [f"the view {name} has {stream}, which is not in the log" for stream in live if stream not in rebuilt]


def compare_inboxes(expected: Mapping[str, str], entries: Sequence[Doc], into: Findings) -> None:
    """Each event has one entry with its recipient (`expected`: event id -> recipient), and a stream's are in order."""
    found: dict[str, list[Doc]] = {}
    for entry in sorted(entries, key=lambda entry: entry["place"]):
        found.setdefault(entry["_id"].partition("/")[0], []).append(entry)
    reached: dict[str, int] = {}
    for event, its_entries in found.items():
        stream, _, version = event.rpartition("@")
        if event not in expected:
            into.wrong.append(f"an inbox tells of {event}, which is not in the log")
            continue
        if int(version) < reached.get(stream, 0):
            into.disordered.append(f"in the inbox {event} comes behind {stream}@{reached[stream]}")
        reached[stream] = int(version)
        if len(its_entries) > 1:
            into.doubled.append(f"the inbox tells {len(its_entries)} times of {event}")
        if any(entry["recipient"] != expected[event] for entry in its_entries):
            into.wrong.append(f"somebody else was told of {event}")
    into.lost += [f"no inbox tells of {event}" for event in expected if event not in found]


def compare_heard(told: Sequence[Told], entries: Sequence[Doc], into: Findings) -> None:
    """What a person finds in the own inbox, as the API shows it: an entry `about` each stream they were told of, in order."""
    for stream in dict.fromkeys(one.stream for one in told):
        wanted = sum(one.stream == stream for one in told)
        heard = [str(entry["time"]) for entry in entries if entry.get("about") == stream]
        if len(heard) < wanted:
            into.lost.append(f"of {wanted} entries about {stream} the person finds {len(heard)}")
        elif len(heard) > wanted:
            into.doubled.append(f"instead of {wanted} entries about {stream} the person finds {len(heard)}")
        if heard != sorted(heard):
            into.disordered.append(f"the person finds the entries about {stream} in another order")
