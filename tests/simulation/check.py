"""What must hold after a schedule: answers, log, topics, views and their rebuild, inboxes, all compared."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from shared.contracts.base import kind_of
from shared.contracts.cloudevents import records_of
from shared.eventlog.folded import Folded
from shared.refusals import NotThere, Refusal, VersionMismatch
from shared.store.port import Doc
from tests.simulation import domain
from tests.simulation.clients import Asked, Attempt

if TYPE_CHECKING:
    from tests.simulation.world import World

ALWAYS_DEAD = ("garbage", "tombstone", "wrong-hash", "bad-header", "repeated-header", "no-key")


def streams_of(world: "World") -> dict[str, list[Doc]]:
    """The log, by stream, in order of versions."""
    found: dict[str, list[Doc]] = {}
    for doc in world.server.table("commits").docs.values():
        found.setdefault(doc["stream"], []).append(doc)
    for commits in found.values():
        commits.sort(key=lambda doc: doc["first"])
    return found


def is_settled(world: "World") -> bool:
    """Views, topics and consumers have caught up with the log."""
    for stream, landed in world.landed.items():
        last = max(doc["last"] for _, doc in landed)
        kind = stream.partition(":")[0]
        view = world.server.table(domain.BY_KIND[kind].view).docs.get(stream)
        if view is None or view["version"] < last:
            return False
        consumers = {"note": ("inbox_guards", "board", "echo_guards"), "gate": ("board",)}.get(kind, ())
        for collection in consumers:
            guard = world.other_server.table(collection).docs.get(stream)
            if guard is None or guard["version"] < last:
                return False
    if any(still_waiting(world)) or any(graves(world)):
        return False
    return not any(topics(world, streams_of(world)))


def still_waiting(world: "World") -> Iterator[Doc]:
    """Parked records that somebody of ours sent."""
    known = {(r.topic, r.partition, r.offset, r.value) for _, _, r in world.poison}
    for d in world.other_server.table("parked").docs.values():
        if d["state"] == "parked" and (d["topic"], d["partition"], d["offset"], d["value"]) not in known:
            yield d


def verdict(world: "World") -> list[str]:
    """All that is wrong."""
    log = streams_of(world)
    found = [*chains(log), *answers(world, log), *views(world, log), *topics(world, log), *order(world, log)]
    return [*found, *consumers(world, log), *graves(world), *erasures(world, log)]


def chains(log: dict[str, list[Doc]]) -> Iterator[str]:
    """Versions without gaps, every event chained, no command twice on a stream."""
    for stream, commits in log.items():
        version, prev, commands = 0, "", set()
        for commit in commits:
            if commit["first"] != version + 1 or commit["last"] != version + len(commit["events"]):
                yield f"log: {stream} has a gap before {commit['_id']}"
            if commit["prev"] != prev:
                yield f"log: {commit['_id']} does not chain"
            if commit["command_id"] in commands:
                yield f"log: one command twice, second {commit['_id']}"
            commands.add(commit["command_id"])
            version, prev = commit["last"], commit["events"][-1]["hash"]


def answers(world: "World", log: dict[str, list[Doc]]) -> Iterator[str]:
    """protocol.md D8: no accepted command that is not there, no refusal that the log contradicts, one answer a key."""
    for asked in world.asked:
        mine = [c for c in log.get(asked.stream, ()) if c["command_id"] == asked.command_id]
        landed = {d["_id"]: t for t, d in world.landed.get(asked.stream, ())}
        accepted = set()
        open_before = False
        for attempt in asked.attempts:
            answer = attempt.answer
            assert answer is not None
            name = f"{asked.verb} {asked.stream} (key {asked.number}, sent {attempt.sent:.3f}, {attempt.body})"
            if answer.kind == "accepted" and answer.changed:
                accepted.add(answer.version)
                if answer.version not in {c["last"] for c in mine}:
                    yield f"answers: {name} was accepted at version {answer.version}, which is not in the log"
                elif attempt.body != "first" and mine[0]["command_hash"] != _hash(asked, attempt):
                    yield f"answers: {name} was accepted with another body than the first"
            elif answer.kind == "refused" and answer.reason == "KeyReused":
                if not mine or mine[0]["command_hash"] == _hash(asked, attempt):
                    yield f"answers: {name} was told that its key was used with another body"
            elif answer.kind in ("refused", "accepted") and answer.reason not in ("Busy",):
                before = [c for c in mine if landed[c["_id"]] < attempt.sent]
                if before:
                    yield f"answers: {name} was told {answer}, but its key was accepted before as {before[0]['_id']}"
                elif not open_before and not _could_be(world, log, asked, attempt):
                    yield f"answers: {name} was told {answer}, which no state of the log explains"
            if answer.kind == "refused" and answer.reason != "KeyReused" and not open_before:
                later = [a.sent for a in asked.attempts if a.sent > attempt.sent]
                if any(not later or landed[c["_id"]] < min(later) for c in mine):
                    yield f"answers: {name} was told {answer}, and was accepted all the same as {mine[0]['_id']}"
            if answer.kind in ("unknown", "unavailable"):
                open_before = True
        if len(accepted) > 1:
            yield f"answers: key {asked.number} was accepted as {sorted(accepted)}"
        if asked.sees and mine:
            sent = min(a.sent for a in asked.attempts)
            until = landed[mine[0]["_id"]]
            if not any(gate and gate.is_open for gate in _states(world, log, asked.sees[0], sent, until)):
                yield f"answers: {mine[0]['_id']} was accepted though {asked.sees[0]} was closed all the time"


def _hash(asked: Asked, attempt: Attempt) -> str:
    from tests.simulation.processes import EPOCH

    return asked.command(attempt, 0.0, EPOCH).hash


def _versions(world: "World", stream: str, start: float, end: float) -> list[int]:
    """The versions that a stream had at some moment between."""
    at_start, between = 0, []
    for when, doc in world.landed.get(stream, ()):
        if when <= start:
            at_start = max(at_start, doc["last"])
        elif when <= end:
            between.append(doc["last"])
    return [at_start, *(v for v in between if v > at_start)]


def _folds(log: dict[str, list[Doc]], stream: str, versions: list[int]) -> list[Folded[Any]]:
    found, commits = [], log.get(stream, ())
    for version in versions:
        folded: Folded[Any] = Folded(domain.BY_KIND[stream.partition(":")[0]], stream)
        for commit in commits:
            if commit["last"] <= version:
                folded.advance(commit)
        found.append(folded)
    return found


def _states(world: "World", log: dict[str, list[Doc]], stream: str, start: float, end: float) -> list[Any]:
    return [folded.state for folded in _folds(log, stream, _versions(world, stream, start, end))]


def _could_be(world: "World", log: dict[str, list[Doc]], asked: Asked, attempt: Attempt) -> bool:
    """Some state that was current while the attempt ran leads to this refusal, or to nothing to change."""
    assert attempt.answer is not None
    span = attempt.sent, attempt.answered
    seen = [_states(world, log, stream, *span) for stream in asked.sees]
    for own in _folds(log, asked.stream, _versions(world, asked.stream, *span)):
        for other in seen[0] if seen else [None]:
            try:
                if attempt.if_match is not None and attempt.if_match != own.version:
                    raise VersionMismatch
                if own.erased:
                    raise NotThere
                events = asked.rule(attempt.body)(own.state, *([other] if asked.sees else []))
            except Refusal as refusal:
                if attempt.answer.kind == "refused" and type(refusal).__name__ == attempt.answer.reason:
                    return True
            else:
                if not events and attempt.answer.kind == "accepted" and attempt.answer.version == own.version:
                    return True
    return False


def views(world: "World", log: dict[str, list[Doc]]) -> Iterator[str]:
    """Each main view equals the one that is made from the log alone."""
    for stream, commits in log.items():
        aggregate = domain.BY_KIND[stream.partition(":")[0]]
        folded: Folded[Any] = Folded(aggregate, stream)
        for commit in commits:
            folded.advance(commit)
        view = world.server.table(aggregate.view).docs.get(stream)
        if view != folded.snapshot():
            yield f"views: {stream} is {_brief(view)}, from the log it is {_brief(folded.snapshot())}"
    for aggregate in domain.AGGREGATES:
        for stream in world.server.table(aggregate.view).docs:
            if stream not in log:
                yield f"views: {stream} is in no log"


def _brief(view: Doc | None) -> str:
    return "missing" if view is None else str({key: view[key] for key in ("version", "state", "erased")})


def topics(world: "World", log: dict[str, list[Doc]]) -> Iterator[str]:
    """Every relayed event is on its topic, to the byte; nothing of internal streams, nothing private is."""
    for kind in (domain.GATE, domain.NOTE):
        records = world.cluster.everything(kind.topic)
        present = {(r.key, r.value, tuple(map(tuple, r.headers))) for r in records}
        for stream, commits in log.items():
            if stream.partition(":")[0] != kind.name:
                continue
            for commit in commits:
                for out in records_of(kind, commit):
                    if (out.key, out.value, tuple(map(tuple, out.headers))) not in present:
                        yield f"topics: an event of {commit['_id']} is not on {kind.topic}"
        if any(b"text of" in (r.value or b"") for r in records):
            yield f"topics: something private is on {kind.topic}"


def order(world: "World", log: dict[str, list[Doc]]) -> Iterator[str]:
    """Of each stream's events the first copies on the topic come in order (F5): a consumer need not park what is ours."""
    if any(action.what in ("early", "empty") or "rival" in action.args for action in world.plan.actions):
        return  # then the schedule itself put something before its time
    for kind in (domain.GATE, domain.NOTE):
        first: dict[Any, int] = {}
        for place, r in enumerate(world.cluster.everything(kind.topic)):
            first.setdefault((r.key, r.value, tuple(map(tuple, r.headers))), place)
        for stream, commits in log.items():
            reached = -1
            for out in (out for commit in commits if kind_of(stream) == kind.name for out in records_of(kind, commit)):
                place = first.get((out.key, out.value, tuple(map(tuple, out.headers))), reached)
                if place < reached:
                    yield f"order: {out.key!r} has an event on {kind.topic} that comes before an earlier one"
                reached = max(place, reached)


def consumers(world: "World", log: dict[str, list[Doc]]) -> Iterator[str]:
    """Each event took effect once, in order, with every consumer."""
    other = world.other_server
    inbox, board = other.table("inbox").docs, other.table("board").docs
    expected = {}
    for stream, commits in log.items():
        kind = stream.partition(":")[0]
        events = [(v, e) for c in commits for v, e in enumerate(c["events"], start=c["first"])]
        if kind == "note":
            heard = []
            for version, event in events:
                if event["type"] == domain.Added.TYPE:
                    expected[f"{stream}@{version}"] = event["data"]["item"]
                    heard.append(f"{stream}@{version}")
                elif event["type"] == domain.NoteErased.TYPE:
                    expected[f"{stream}@{version}"] = "erased"
            commands = [d for d in other.table("commits").docs.values() if d["stream"] == f"echo:{stream}"]
            commands.sort(key=lambda d: d["first"])
            echoed = [e["data"]["heard"] for d in commands for e in d["events"]]
            if echoed != heard:
                yield f"consumers: of {stream} the echo is {echoed}, the log says {heard}"
        if kind in ("note", "gate"):
            seen = [version for version, event in events if event["type"] != domain.Removed.TYPE]
            kept = board.get(stream, {"seen": [], "version": 0})
            if kept.get("seen", []) != seen or kept["version"] != commits[-1]["last"]:
                yield f"consumers: the board saw {kept} of {stream}, the log says {seen} up to {commits[-1]['last']}"
    got = {doc["_id"]: doc["item"] for doc in inbox.values()}
    if got != expected:
        odd = sorted(set(got.items()) ^ set(expected.items()))
        yield f"consumers: the inbox differs from the log: {odd}"


def graves(world: "World") -> Iterator[str]:
    """One dead document for each record that is always dead and each consumer; at most one for a forged one."""
    dead = list(world.other_server.table("dead").docs.values())
    for kind, life, record in world.poison:
        for consumer in ("inbox", "board", "echo"):
            count = sum(
                d["consumer"] == consumer
                and (d["topic"], d["partition"], d["offset"]) == (record.topic, record.partition, record.offset)
                and (d["key"], d["value"]) == (record.key, record.value)
                and d["headers"] == [[n, v] for n, v in record.headers]
                for d in dead
            )
            sure = kind in ALWAYS_DEAD and life == world.cluster.emptied
            if count > 1 or (sure and count != 1):
                yield f"dead: {kind} at {record.partition}/{record.offset} has {count} documents of {consumer}"
    known = {(r.topic, r.partition, r.offset, r.value) for _, _, r in world.poison}
    for d in dead:
        if (d["topic"], d["partition"], d["offset"], d["value"]) not in known:
            yield f"dead: a good record lies dead: {d['_id']} {d['reason']}"
    for d in still_waiting(world):
        yield f"parked: a good record still waits: {d['_id']} {d['reason']}"


def erasures(world: "World", log: dict[str, list[Doc]]) -> Iterator[str]:
    """Nothing private of an erased person is left; of all others everything is."""
    for stream, commits in log.items():
        if not stream.startswith("note:"):
            continue
        person = stream.partition(":")[2]
        left = [c["_id"] for c in commits if "private" in c]
        if person in world.erased:
            if left:
                yield f"erasing: {left} still hold private parts of {person}"
            if "text of" in str(world.server.table("notes").docs.get(stream)):
                yield f"erasing: the view of {stream} still holds private parts"
            told = [c["_id"] for c in commits if any(e["type"] == domain.NoteErased.TYPE for e in c["events"])]
            if not told:
                yield f"erasing: {stream} never heard of it"
            elif told != [commits[-1]["_id"]]:
                yield f"erasing: {stream} went on after {told[0]}, up to {commits[-1]['_id']}"
        else:
            without = [
                c["_id"]
                for c in commits
                if "private" not in c and any(e["type"] == domain.Added.TYPE for e in c["events"])
            ]
            if without:
                yield f"erasing: {without} lost private parts of somebody else"
