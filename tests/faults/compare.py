"""What is wrong with five records: nothing, hopefully. Pure; each check names what it misses."""

from collections.abc import Iterator

from services.notifications.consumers import inbox as inbox_consumer
from services.recruitment.views import APPLICATIONS, CALLS
from shared.broker.port import Incoming, Outgoing
from shared.canonical import sha256
from shared.consumption.rebuild import digest as digest_of_view
from shared.contracts.base import kind_of
from shared.contracts.cloudevents import Unreadable, read_record, records_of
from shared.contracts.recruitment import APPLICATION
from shared.eventlog.folded import Folded
from shared.store.port import Doc
from tests.faults.answers import wrong_answers
from tests.faults.poison import Fate, Poison, digest
from tests.faults.records import KINDS, Finding, Records

AGGREGATES = {aggregate.kind.name: aggregate for aggregate in (CALLS, APPLICATIONS)}


def compare(records: Records) -> list[Finding]:
    """All that is wrong, over all five records."""
    return [
        *chains(records),
        *wrong_answers(records),
        *topics(records),
        *views(records),
        *inboxes(records),
        *graves(records),
    ]


def chains(records: Records) -> Iterator[Finding]:
    """The log itself: versions without gaps, every event chained, no command twice."""
    for stream, commits in records.log().items():
        version, prev, known = 0, "", set()
        for commit in commits:
            if commit["first"] != version + 1 or commit["last"] != version + len(commit["events"]):
                yield Finding("lost", f"the log of {stream} has a gap before {commit['_id']}")
            elif commit["prev"] != prev:
                yield Finding("order", f"{commit['_id']} does not chain to the event before it")
            if commit["command_id"] in known:
                yield Finding("doubled", f"{commit['_id']} is a command's second commit")
            known.add(commit["command_id"])
            for out in records_of(KINDS[kind_of(stream)], commit):
                try:
                    read_record(_raw(out))
                except Unreadable as why:
                    yield Finding("order", f"an event of {commit['_id']}: {why}")
            version, prev = commit["last"], commit["events"][-1]["hash"]


def topics(records: Records) -> Iterator[Finding]:
    """Every relayed event is on its topic, to the byte; the first of each come in order; nothing else is there."""
    known = {poison.digest for poison in records.poison}
    expected = {
        digest(out.key, out.value, out.headers): (stream, version)
        for stream, commits in records.relayed().items()
        for commit in commits
        for version, out in enumerate(records_of(KINDS[kind_of(stream)], commit), commit["first"])
    }
    reached: dict[str, int] = {}
    present = set[str]()
    for topic, raws in records.topics.items():
        for raw in raws:
            name = digest(raw.key, raw.value, raw.headers)
            present.add(name)
            if name in known:
                continue
            if name not in expected:
                yield Finding("doubled", f"{_place(raw)} on {topic} is in no log: {_words(raw)}")
                continue
            stream, version = expected[name]
            if version > reached.get(stream, 0) + 1:
                yield Finding("order", f"{stream}@{version} comes before @{reached.get(stream, 0) + 1} on {topic}")
            reached[stream] = max(version, reached.get(stream, 0))
    for name, (stream, version) in expected.items():
        if name not in present:
            yield Finding("lost", f"{stream}@{version} is in the log and not on its topic")


def views(records: Records) -> Iterator[Finding]:
    """Main views equal those folded from the log, rebuilt ones the live ones: by canonical hash."""
    folded = refolded(records)
    for kind, aggregate in AGGREGATES.items():
        live, should = records.views.get(aggregate.view, {}), folded.get(kind, {})
        if digest_of_view(live) == digest_of_view(should):
            continue
        for stream in sorted(live.keys() | should.keys()):
            if live.get(stream) != should.get(stream):
                kind_of_fault = "lost" if _version(live, stream) < _version(should, stream) else "doubled"
                words = f"version {_version(live, stream)}, the log makes {_version(should, stream)}"
                yield Finding(kind_of_fault, f"the view {aggregate.view} has {stream} at {words}")
    for rebuilt in records.rebuilt:
        if not rebuilt.equal or rebuilt.live != rebuilt.rebuilt:
            yield Finding("rebuild", f"{rebuilt.view} is {rebuilt.live[:12]}…, rebuilt it is {rebuilt.rebuilt[:12]}…")


def refolded(records: Records) -> dict[str, dict[str, Doc]]:
    """Kind -> stream -> the main view's document, made from the log alone."""
    found: dict[str, dict[str, Doc]] = {}
    for stream, commits in records.log().items():
        folded: Folded[object] = Folded(AGGREGATES[kind_of(stream)], stream)
        for commit in commits:
            folded.advance(commit)
        found.setdefault(kind_of(stream), {})[stream] = folded.snapshot()
    return found


def _version(view: dict[str, Doc], stream: str) -> int:
    return int(view[stream]["version"]) if stream in view else 0


def inboxes(records: Records) -> Iterator[Finding]:
    """Each event told once, in order; the guard stands at each stream's end; people are shown just that."""
    expected, ends = _told(records)
    for name in expected.keys() - records.inbox.keys():
        yield Finding("lost", f"the inbox has no entry {name}")
    for name in records.inbox.keys() - expected.keys():
        yield Finding("doubled", f"the inbox has an entry {name} that no event accounts for")
    for name in expected.keys() & records.inbox.keys():
        if expected[name] != records.inbox[name]:
            yield Finding("wrong", f"the inbox entry {name} says something else than its event")
    for stream, (version, last) in ends.items():
        guard = records.guards.get(stream, {"version": 0, "hash": ""})
        if guard["version"] != version:
            yield Finding("stuck", f"the inbox applied {stream} up to {guard['version']} of {version}")
        elif guard["hash"] != last:
            yield Finding("order", f"the inbox applied another history of {stream}")
    for citizen, entries in records.shown.items():
        mine = sorted((d for d in expected.values() if d["recipient"] == citizen), key=lambda d: d["place"])
        if [entry["id"] for entry in entries] != [document["_id"] for document in mine]:
            yield Finding("wrong", f"{citizen} is shown {len(entries)} entries in the inbox, {len(mine)} are right")


def _told(records: Records) -> tuple[dict[str, Doc], dict[str, tuple[int, str]]]:
    """Inbox entries and guards as they must be: of the log, and of the poison that is none."""
    raws = [
        _raw(out)
        for stream, commits in records.log().items()
        if kind_of(stream) == APPLICATION.name
        for commit in commits
        for out in records_of(APPLICATION, commit)
    ]
    good = [p for p in records.poison if p.topic == APPLICATION.topic and p.fate.is_good]
    raws += [_raw(p) for p in sorted(good, key=lambda p: p.version)]
    entries: dict[str, Doc] = {}
    ends: dict[str, tuple[int, str]] = {}
    for raw in raws:
        try:
            record = read_record(raw)
        except Unreadable:
            continue  # told of in `chains`
        ends[record.stream] = record.version, record.hash
        if record.type in inbox_consumer.handlers:
            model, tell = inbox_consumer.handlers[record.type]
            entries |= {document["_id"]: document for document in tell(model.model_validate(record.data), record)}
    return entries, ends


def graves(records: Records) -> Iterator[Finding]:
    """One dead document per always-dead record and consumer; none for what may never be dead; nothing good waits."""
    fates = {poison.digest: poison for poison in records.poison}
    buried: dict[tuple[str, str, str, int, int], int] = {}
    for document in records.dead:
        place = tuple(document[key] for key in ("consumer", "cluster", "topic", "partition", "offset"))
        buried[place] = buried.get(place, 0) + 1
        poison = fates.get(digest(document["key"], document["value"], document["headers"]))
        if poison is None or not poison.fate.may_be_dead:
            yield Finding("dead", f"it lies dead and must not: {document['_id']}: {document['reason']}")
    for place, count in buried.items():
        if count > 1:
            yield Finding("dead", f"{place} has {count} dead documents")
    for raw in records.topics.get(APPLICATION.topic, ()):
        poison = fates.get(digest(raw.key, raw.value, raw.headers))
        if poison is None or poison.fate is not Fate.DEAD:
            continue
        if (inbox_consumer.name, records.cluster, raw.topic, raw.partition, raw.offset) not in buried:
            yield Finding("dead", f"{poison.row} at {_place(raw)} has no dead document")
    for document in records.parked:
        poison = fates.get(digest(document["key"], document["value"], document["headers"]))
        if document["state"] == "parked" and (poison is None or poison.fate is not Fate.AT_MOST_DEAD):
            yield Finding("stuck", f"{document['_id']} still waits: {document['reason']}")


def _raw(out: Outgoing | Poison) -> Incoming:
    return Incoming(out.topic, 0, 0, out.key, out.value, out.headers)


def _place(raw: Incoming) -> str:
    return f"{raw.topic}/{raw.partition}/{raw.offset}"


def _words(raw: Incoming) -> str:
    try:
        return read_record(raw).id
    except Unreadable as why:
        return f"{why} ({sha256(raw.value or b'')[:8]})"
