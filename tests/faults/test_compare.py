"""The comparison sees every lie: a round in which all is right, then the same with one thing that is not."""

import asyncio
import hmac
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from services.recruitment.views import APPLICATIONS, CALLS
from shared.broker.port import Incoming
from shared.canonical import canonical, sha256
from shared.command import Command
from shared.consumption.shell import Shell
from shared.contracts.base import kind_of
from shared.contracts.cloudevents import records_of
from shared.contracts.recruitment import APPLICATION, CALL
from shared.eventlog.log import EventLog
from shared.moments import moment
from shared.refusals import Refusal
from tests.faults import requests
from tests.faults.compare import compare, inbox_consumer, refolded
from tests.faults.ledger import Asked, Attempt
from tests.faults.poison import Fate, Poison, Poisoner
from tests.faults.records import KINDS, Rebuilt, Records
from tests.simulation.store import MemoryServer, MemoryStore

SECRET, CLUSTER = b"s" * 32, "cluster"
Lie = Callable[[Records], None]


class Story:
    """Asks as clients do, of a real log over a store in memory, and takes down what it was told."""

    def __init__(self) -> None:
        self.server = MemoryServer()
        self.log = EventLog(MemoryStore(self.server), [CALLS, APPLICATIONS], self._clock)
        self.told: list[Asked] = []
        self.now = datetime.now(UTC)

    def _clock(self) -> datetime:
        return self.now

    async def ask(self, asked: Asked, *, if_match: int | None = None, body: int = 0) -> Attempt:
        self.now += timedelta(seconds=1)
        if asked not in self.told:
            self.told.append(asked)
        attempt = Attempt(self.now.timestamp(), "recruitment", body, if_match)
        asked.attempts.append(attempt)
        stream, sees = asked.stream(SECRET), asked.sees()
        digest = _keyed(asked, body)
        command = Command(asked.id(SECRET), digest, asked.actor, self.now, if_match)
        try:
            decided = await self.log.decide(
                stream,
                lambda own, call=None: asked.events(SECRET, attempt, own, call),
                command,
                sees=[sees] if sees else [],
            )
        except Refusal as refusal:
            attempt.status, attempt.code = refusal.status, refusal.code
        else:
            attempt.status, attempt.version = 200, decided.version
            attempt.answer = canonical({"stream": stream, "version": decided.version})
        self.now += timedelta(seconds=1)
        attempt.answered = self.now.timestamp()
        return attempt


def _keyed(asked: Asked, body: int) -> str:
    return hmac.digest(SECRET, canonical(asked.bodies[body]), "sha256").hex()


async def good_records() -> Records:
    """A call, three people, one who withdraws, one who asks twice with another body, one who comes too late; poison."""
    story, rng = Story(), Random(7)
    operator, people = "0" * 32, [f"{n:032x}" for n in (1, 2, 3, 4)]
    drafting = requests.draft(rng, operator)
    await story.ask(drafting)
    call = drafting.id(SECRET)[:32]
    await story.ask(requests.on_call("publish", rng, operator, call), if_match=1)
    await story.ask(requests.on_call("open_call", rng, operator, call), if_match=2)
    for person in people[:3]:
        await story.ask(requests.apply(rng, person, call))
    again = story.told[-1]
    await story.ask(again)  # a repeat
    await story.ask(again, body=1)  # and a changed one
    await story.ask(requests.withdraw(rng, people[0], call))
    await story.ask(requests.apply(rng, people[1], call))  # who is in already: nothing changes
    await story.ask(requests.on_call("close", rng, operator, call), if_match=3)
    await story.ask(requests.on_call("close", rng, operator, call), if_match=1)  # 412
    await story.ask(requests.apply(rng, people[3], call))  # too late
    commits = list(story.server.table("commits").docs.values())
    newest = {commit["stream"]: commit["last"] for commit in sorted(commits, key=lambda commit: commit["last"])}
    poison: list[Poison] = []
    for kind in KINDS.values():
        victim = next(one for one in newest.items() if kind_of(one[0]) == kind.name and one[1] > 1)
        poison += Poisoner(kind, rng).all_rows([victim], quiet=True)
    raws = {kind.topic: [] for kind in KINDS.values()}
    for commit in commits:
        kind = KINDS[commit["stream"].partition(":")[0]]
        raws[kind.topic] += records_of(kind, commit)
    raws = {topic: [*found, *(p for p in poison if p.topic == topic)] for topic, found in raws.items()}
    topics = {
        topic: [Incoming(topic, 0, offset, r.key, r.value, r.headers) for offset, r in enumerate(found)]
        for topic, found in raws.items()
    }
    heard = MemoryServer()
    shell = Shell(inbox_consumer, MemoryStore(heard))
    met = next(n for n, raw in enumerate(raws[APPLICATION.topic]) if raw in poison)
    for batch in (topics[APPLICATION.topic][:met], topics[APPLICATION.topic][met:]):  # poison meets what is applied
        await shell.settle(batch, CLUSTER)
    docs = {name: dict(heard.table(name).docs) for name in ("inbox", "inbox_guards", "dead", "parked")}
    shown = {
        person: sorted((d for d in docs["inbox"].values() if d["recipient"] == person), key=lambda d: d["place"])
        for person in people
    }
    records = Records(
        secret=SECRET,
        told=story.told,
        commits=commits,
        seen={commit["_id"]: moment(commit["at"]).timestamp() + 0.5 for commit in commits},
        topics=topics,
        cluster=CLUSTER,
        views={},
        rebuilt=[Rebuilt("inbox", "same", "same", equal=True)],
        inbox=docs["inbox"],
        guards=docs["inbox_guards"],
        shown={person: [{"id": d["_id"]} for d in found] for person, found in shown.items()},
        dead=list(docs["dead"].values()),
        parked=list(docs["parked"].values()),
        poison=poison,
    )
    folded = refolded(records)
    records.views = {a.view: folded[a.kind.name] for a in (CALLS, APPLICATIONS)}
    return records


@pytest.fixture(scope="module", name="right")
def _right() -> Records:
    return asyncio.run(good_records())


@pytest.fixture(name="records")
def _records(right: Records) -> Records:
    return deepcopy(right)


def attempt_at(records: Records, verb: str, status: int) -> Attempt:
    return next(a for asked in records.told if asked.verb == verb for a in asked.attempts if a.status == status)


def commit_of(records: Records, kind: str, version: int = 1) -> dict[str, Any]:
    return next(c for c in records.commits if c["stream"].startswith(kind) and c["first"] == version)


async def test_a_round_in_which_all_is_right_has_nothing_to_tell(records: Records) -> None:
    assert compare(records) == []
    assert {attempt.status for asked in records.told for attempt in asked.attempts} == {200, 409, 412, 422}


def test_every_row_of_the_table_is_there() -> None:
    rows = Poisoner(APPLICATION, Random(1)).all_rows([("application:a:b", 2)], quiet=True)
    assert {row.fate for row in rows} == set(Fate)
    assert len({row.digest for row in rows}) == len(rows)
    assert len({row.row for row in rows}) >= 20


async def test_a_late_duplicate_on_a_topic_is_allowed(records: Records) -> None:
    found = records.topics[APPLICATION.topic]
    found.append(found[0]._replace(offset=len(found)))
    assert compare(records) == []


async def test_a_refusal_is_no_lie_when_an_earlier_attempt_of_the_key_was_open(records: Records) -> None:
    """protocol.md D8: the attempt that nobody answered may land after the refusal of the next one."""
    asked = next(a for a in records.told if a.verb == "apply" and a.attempts[0].accepted)
    commit = next(c for c in records.commits if c["command_id"] == asked.id(SECRET))
    sent = moment(commit["at"]).timestamp()
    refused = Attempt(sent - 0.2, "recruitment", answered=sent - 0.1, status=409, code="call-is-not-open")
    asked.attempts[:] = [Attempt(sent - 0.4, "recruitment", answered=sent - 0.3), refused]
    assert compare(records) == []
    del asked.attempts[0]
    assert {finding.kind for finding in compare(records)} == {"wrong"}


def lies() -> dict[str, tuple[str, Lie]]:
    """What is wrong -> (the kind of finding it must lead to, how it is made wrong)."""

    def lose_a_commit(r: Records) -> None:
        gone = commit_of(r, "application", 2)
        r.commits.remove(gone)

    def hole_in_the_log(r: Records) -> None:
        r.commits.remove(commit_of(r, "call", 2))

    def store_it_twice(r: Records) -> None:
        first = commit_of(r, "application", 2)
        event = first["events"][0]
        twice = {**first, "_id": f"{first['stream']}@3", "first": 3, "last": 3, "prev": event["hash"]}
        r.commits.append(twice)

    def break_the_chain(r: Records) -> None:
        commit_of(r, "call", 2)["prev"] = "0" * 64

    def accept_what_is_not_there(r: Records) -> None:
        attempt = attempt_at(r, "apply", 409)
        attempt.status, attempt.code, attempt.version = 201, "", 1

    def refuse_what_is_accepted(r: Records) -> None:
        attempt = attempt_at(r, "withdraw", 200)
        attempt.status, attempt.code = 404, "not-found"

    def refuse_without_reason(r: Records) -> None:
        attempt = attempt_at(r, "apply", 409)
        attempt.code = "attributes-do-not-fit"

    def answer_twice_differently(r: Records) -> None:
        asked = next(a for a in r.told if a.verb == "apply" and len(a.attempts) > 2)
        asked.attempts[1].answer += b" "

    def answer_a_repeat_with_another_version(r: Records) -> None:
        asked = next(a for a in r.told if a.verb == "apply" and len(a.attempts) > 2)
        asked.attempts[1].version += 1

    def say_reused_for_the_same_body(r: Records) -> None:
        attempt = attempt_at(r, "apply", 422)
        attempt.body = 0

    def accept_another_body(r: Records) -> None:
        attempt = attempt_at(r, "apply", 422)
        attempt.status, attempt.version, attempt.code = 201, 1, ""

    def fail(r: Records) -> None:
        attempt_at(r, "apply", 409).status = 500

    def store_what_nobody_asked(r: Records) -> None:
        r.told.remove(next(a for a in r.told if a.verb == "withdraw"))

    def store_against_the_rule(r: Records) -> None:
        asked = next(a for a in r.told if a.verb == "apply" and a.attempts[0].accepted)
        close = next(c for c in r.commits if c["stream"].startswith("call") and c["last"] == 4)
        r.seen[close["_id"]] = r.seen[commit_of(r, "call", 3)["_id"]] + 0.001
        close["at"] = commit_of(r, "call", 3)["at"]
        assert asked.attempts[0].sent > r.seen[close["_id"]]

    def not_published(r: Records) -> None:
        del r.topics[CALL.topic][1]

    def published_out_of_order(r: Records) -> None:
        found = r.topics[CALL.topic]
        found[0], found[1] = found[1], found[0]

    def published_changed(r: Records) -> None:
        found = r.topics[CALL.topic]
        found[0] = found[0]._replace(value=found[0].value + b" ")

    def view_is_behind(r: Records) -> None:
        r.views["applications"].popitem()

    def view_holds_more(r: Records) -> None:
        r.views["calls"]["call:x"] = {"_id": "call:x", "version": 1}

    def view_says_else(r: Records) -> None:
        next(iter(r.views["calls"].values()))["state"]["seats"] = 5

    def rebuilt_differs(r: Records) -> None:
        r.rebuilt[0] = Rebuilt("inbox", "one", "other", equal=True)

    def entry_missing(r: Records) -> None:
        r.inbox.pop(next(name for name in r.inbox if not name.startswith("application:poison")))

    def entry_too_many(r: Records) -> None:
        name, entry = next(iter(r.inbox.items()))
        r.inbox[f"{name}/again"] = {**entry, "_id": f"{name}/again"}

    def guard_behind(r: Records) -> None:
        next(g for g in r.guards.values() if g["version"] == 2)["version"] = 1

    def guard_on_another_history(r: Records) -> None:
        next(g for g in r.guards.values() if g["version"] == 2)["hash"] = sha256(b"x")

    def shown_in_another_order(r: Records) -> None:
        next(entries for entries in r.shown.values() if len(entries) > 1).reverse()

    def not_buried(r: Records) -> None:
        del r.dead[0]

    def buried_twice(r: Records) -> None:
        r.dead.append({**r.dead[0], "_id": r.dead[0]["_id"] + "x"})

    def buried_alive(r: Records) -> None:
        raw = r.topics[APPLICATION.topic][0]
        r.dead.append({**r.dead[0], "key": raw.key, "value": raw.value, "headers": raw.headers, "offset": raw.offset})

    def buried_though_long_known(r: Records) -> None:
        known = next(p for p in r.poison if p.fate is Fate.DROPPED and p.topic == APPLICATION.topic)
        r.dead.append({**r.dead[0], "key": known.key, "value": known.value, "headers": known.headers, "offset": -1})

    def waits_for_ever(r: Records) -> None:
        raw = r.topics[APPLICATION.topic][0]
        waits = {
            "_id": "x",
            "state": "parked",
            "key": raw.key,
            "value": raw.value,
            "headers": raw.headers,
            "reason": "",
        }
        r.parked.append(waits)

    kinds = {
        "lost": (lose_a_commit, hole_in_the_log, accept_what_is_not_there, not_published, view_is_behind, entry_missing),
        "doubled": (store_it_twice, store_what_nobody_asked, published_changed, view_holds_more, entry_too_many),
        "order": (break_the_chain, published_out_of_order, guard_on_another_history),
        "wrong": (refuse_what_is_accepted, refuse_without_reason, answer_twice_differently, say_reused_for_the_same_body,
                  accept_another_body, fail, store_against_the_rule, shown_in_another_order, answer_a_repeat_with_another_version),
        "rebuild": (rebuilt_differs,),
        "stuck": (guard_behind, waits_for_ever),
        "dead": (not_buried, buried_twice, buried_alive, buried_though_long_known),
    }  # fmt: skip
    found = {lie.__name__: (kind, lie) for kind, some in kinds.items() for lie in some}
    return found | {"view_says_else": ("doubled", view_says_else)}


@pytest.mark.parametrize(("kind", "lie"), list(lies().values()), ids=list(lies()))
async def test_one_lie_is_seen(records: Records, kind: str, lie: Lie) -> None:
    lie(records)
    assert kind in {finding.kind for finding in compare(records)}
