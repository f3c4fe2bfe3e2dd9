"""One schedule, run: two processes of each, their clients, what goes wrong; then quiet, until all is settled."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable
from random import Random
from typing import Any

from shared.broker.murmur import partition_of
from shared.broker.port import BrokerAway
from shared.canonical import canonical, sha256
from shared.command import Command
from shared.consumption.consumer import Mode
from shared.consumption.rebuild import CannotRebuild, Rebuild, digest, documents
from shared.contracts.cloudevents import chain_hash, records_of
from shared.eventlog.erasing import erase
from shared.follower.audit import publish_missing
from shared.refusals import Refusal, Unavailable
from shared.store.port import Doc, StoreAway
from tests.simulation import clients, domain, processes
from tests.simulation.broker import Cluster, MemoryBroker
from tests.simulation.clients import Answer, Asked, Attempt
from tests.simulation.faults import GIVE_UP, Faults
from tests.simulation.loop import Overrun, SimulatedLoop
from tests.simulation.plan import CONSUMERS, PUBLISHERS, Action, Plan
from tests.simulation.store import MemoryServer, MemoryStore

SETTLES_WITHIN = 90.0
SESSION = 10.0  # seconds after which a group expels a silent member


class World:
    """Everything of one schedule. `run` returns what is wrong afterwards: nothing, hopefully."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.rng = Random(f"run/{plan.seed}")
        self.loop = SimulatedLoop()
        self.faults = Faults(self.rng, **plan.knobs)
        self.server, self.other_server = MemoryServer(self.faults), MemoryServer(self.faults)
        self.cluster = Cluster(self.faults)
        for kind in (domain.GATE, domain.NOTE, domain.ECHO):
            self.cluster.create(kind.topic, 2)
        self.alive: dict[str, Any] = {}
        self.asked: list[Asked] = []
        self.landed: defaultdict[str, list[tuple[float, Doc]]] = defaultdict(list)
        self.poison: list[tuple[str, int, Any]] = []  # kind, life of the cluster, record
        self.erased: set[str] = set()
        self.bugs: list[str] = []
        self.trail: list[str] = []
        self._jobs: list[asyncio.Task[None]] = []
        self._lives = 0

    def run(self) -> list[str]:
        """Run it to the end and compare."""
        from tests.simulation.check import verdict

        watcher = _Watcher(self.bugs)
        logging.getLogger("hamkke").addHandler(watcher)
        try:
            self.loop.run_until_complete(self._everything())
        except Overrun as overrun:
            self.bugs.append(f"it does not end: {overrun}")
        finally:
            logging.getLogger("hamkke").removeHandler(watcher)
        found = [*self.bugs, *(f"unhandled: {e!r}" for e in self.loop.failures)] or (
            verdict(self) if self.plan.audits or self._had_its_chance() else []
        )
        self.loop.close()
        return found

    async def _everything(self) -> None:
        self.server.on_insert = self._on_insert
        processes.FLAKY.fails = self.faults.function_fails
        for name in (*PUBLISHERS, *CONSUMERS):
            self._start(name)
        for action in self.plan.actions:
            if action.at > self.loop.now:
                await asyncio.sleep(action.at - self.loop.now)
            self._act(action)
        if self.plan.length > self.loop.now:
            await asyncio.sleep(self.plan.length - self.loop.now)
        self._quiet()
        for job in self._jobs:
            await job
        await asyncio.sleep(GIVE_UP)
        for person in sorted(self.erased):
            await self._erase(person, "p0")  # the second sweep, after everything old is dead
        await self._settled()
        if self.plan.rebuilds:
            await self._rebuild()

    async def _rebuild(self) -> None:
        """Every remembering consumer's view again from the topics, beside the live one: equal, and nobody dies twice."""
        store, broker = MemoryStore(self.other_server), MemoryBroker(self.cluster)
        for consumer in processes.CONSUMERS:
            if consumer.mode is Mode.DECIDES:
                continue
            live = digest(await documents(store[consumer.collection]))
            try:
                rebuilt = await Rebuild(consumer, store, broker).run()
            except CannotRebuild as why:
                self.bugs.append(f"rebuild: of {consumer.name}: {why}")
                continue
            if not rebuilt.equal or rebuilt.digest != live:
                self.bugs.append(f"rebuild: the view of {consumer.name} differs from the live one")

    def _had_its_chance(self) -> bool:
        """Without an audit only a later send into the same partition can show that a cluster of the same id was emptied."""
        emptied = [action.at for action in self.plan.actions if action.what == "empty"]
        landed = [when for when, _ in self.landed.get("note:n0", ())]
        return not emptied or (min(landed, default=99.0) < min(emptied) - 0.5 and max(landed) > max(emptied) + 0.5)

    def say(self, text: str) -> None:
        self.trail.append(f"{self.loop.now:7.3f}  {text}")

    def _on_insert(self, collection: str, doc: Doc) -> None:
        if collection == "commits":
            self.landed[doc["stream"]].append((self.loop.now, doc))

    def _start(self, name: str) -> None:
        self._lives += 1
        skew = self.rng.random() * 4 - 2
        if name in PUBLISHERS:
            self.alive[name] = processes.Publisher(name, self.loop, self.server, self.cluster, skew, self._lives)
        else:
            self.alive[name] = processes.Listener(name, self.loop, self.other_server, self.cluster, skew, self._bug)

    def _bug(self, bug: BaseException) -> None:
        self.bugs.append(f"a bug: {bug!r}")

    # --- what goes wrong

    def _act(self, action: Action) -> None:
        getattr(self, "_do_" + action.what.replace("-", "_"))(*action.args)

    def _job(self, work: Any) -> None:
        self._jobs.append(self.loop.create_task(work))

    def _do_ask(self, *args: Any) -> None:
        self._job(self._client(*clients.asked_of(args)))

    def _do_kill(self, name: str, down: float) -> None:
        self._kill(name)
        self.loop.call_later(down, self._revive, name)

    def _kill(self, name: str) -> None:
        one = self.alive[name]
        one.process.kill()
        for answer in one.open:
            if not answer.done():
                answer.set_result(Answer("unknown"))
        for member in getattr(one, "members", ()):
            self.loop.call_later(self.rng.random() * SESSION, member.leave)

    def _revive(self, name: str) -> None:
        if self.alive[name].process.dead:
            self._start(name)

    def _do_stop(self, name: str, length: float) -> None:
        one = self.alive[name]
        one.process.stop()
        for member in getattr(one, "members", ()):
            self.loop.call_later(SESSION, lambda member=member: one.process.stopped and member.leave())
        self.loop.call_later(length, one.process.go_on)

    def _do_store_away(self, length: float) -> None:
        self.faults.store_away = True
        self.loop.call_later(length, setattr, self.faults, "store_away", False)

    def _do_broker_away(self, length: float) -> None:
        self.faults.broker_away = True
        self.loop.call_later(length, setattr, self.faults, "broker_away", False)

    def _do_empty(self, how: str) -> None:
        self.cluster.empty(how == "new-id")

    def _do_stream_lost(self) -> None:
        self.server.oldest = len(self.server.table("commits").inserted)

    def _do_early(self, number: int) -> None:
        """A delayed send of some owner of long ago lands: a commit's records, wherever the topic is by now."""
        commits = [doc for landed in self.landed.values() for _, doc in landed]
        if commits:
            self._publish(commits[number % len(commits)])

    def _publish(self, commit: Doc) -> None:
        kind = domain.BY_KIND[commit["stream"].partition(":")[0]].kind
        for out in records_of(kind, commit) if kind.relayed else ():
            place = (out.topic, partition_of(out.key, self.cluster.partitions[out.topic]))
            self.cluster.append(place, out.key, out.value, out.headers)

    def _do_redrive(self) -> None:
        dead = self.other_server.table("dead")
        for doc in list(dead.docs.values()):
            dead.put({**doc, "state": "redrive"})

    def _do_rebalance(self) -> None:
        for group in self.cluster.groups.values():
            group.rebalance()

    def _do_audit(self) -> None:
        """The nightly one. It alone finds out that a cluster lost records, kept its id, and gets no new ones."""

        async def audit(one: Any) -> None:
            try:
                await publish_missing(one.store["commits"], one.follower._broker, [a.kind for a in domain.AGGREGATES])
            except (StoreAway, BrokerAway):
                return

        one = self.alive["p0"]
        if not one.process.dead:
            one.process.run(audit(one))

    def _do_erase(self, person: str, name: str) -> None:
        self._job(self._erase(person, name))

    async def _erase(self, person: str, name: str) -> None:
        """Asked again until it is done, as the gateway does; from then on nothing private of the person is left."""
        self.erased.add(person)
        command = ("erase", person)
        while True:
            done: asyncio.Future[bool] = self.loop.create_future()
            one = self.alive[name]
            if not one.process.dead:
                one.process.run(self._erase_once(one, person, command, done))
            self.loop.call_later(16.0, lambda done=done: done.done() or done.set_result(False))
            if await done:
                return
            name = self.rng.choice(PUBLISHERS)

    async def _erase_once(self, one: Any, person: str, name: tuple[str, str], done: asyncio.Future[bool]) -> None:
        command = Command("/".join(name), "0" * 64, "gateway", one.clock(), started=self.loop.now)
        try:
            await erase(one.store, one.log, person, command)
        except (Unavailable, StoreAway, Refusal):
            await asyncio.sleep(0.5)
            if not done.done():
                done.set_result(False)
        else:
            if not done.done():
                done.set_result(True)

    def _do_poison(self, kind: str, person: str) -> None:
        place = (domain.NOTE.topic, self.rng.randrange(2))
        if kind == "rival":
            place = (place[0], partition_of(f"note:{person}".encode(), 2))
        key, value, headers = forged(kind, f"note:{person}", self._version(f"note:{person}"), self.rng)
        record = self.cluster.append(place, key, value, headers)
        self.poison.append((kind, self.cluster.emptied, record))
        if kind == "rival" and (landed := self.landed.get(f"note:{person}")):
            self._publish(max((doc for _, doc in landed), key=lambda doc: int(doc["last"])))

    def _version(self, stream: str) -> int:
        return max((doc["last"] for _, doc in self.landed.get(stream, ())), default=0)

    # --- clients

    async def _client(self, asked: Asked, option: str) -> None:
        rng = self.rng
        self.asked.append(asked)
        if_match = None
        if option == "if-match":
            if_match = max(0, self._version(asked.stream) - rng.randrange(2))
        for _ in range(6):
            answer = await self._attempt(asked, Attempt(self.loop.now, "first", if_match), option)
            if answer.kind in ("accepted", "refused") and answer.reason != "Busy":
                break
            await asyncio.sleep(clients.pause(rng, option))
        if option in ("repeat", "changed"):
            await asyncio.sleep(rng.random() * rng.choice((0.01, 1.0, 6.0)))
            body = "first" if option == "repeat" else "other"
            await self._attempt(asked, Attempt(self.loop.now, body, if_match), option)

    async def _attempt(self, asked: Asked, attempt: Attempt, option: str) -> Answer:
        asked.attempts.append(attempt)
        one = self.alive[self.rng.choice(PUBLISHERS)]
        answer: asyncio.Future[Answer] = self.loop.create_future()
        if one.process.dead:
            attempt.answer, attempt.answered = Answer("not-sent"), self.loop.now
            await asyncio.sleep(0.2)
            return attempt.answer
        one.open.append(answer)
        one.process.run(self._serve(one, asked, attempt, answer))
        timer = self.loop.call_later(
            clients.patience(self.rng, option), lambda: answer.done() or answer.set_result(Answer("unknown"))
        )
        attempt.answer = await answer
        attempt.answered = self.loop.now
        timer.cancel()
        one.open.remove(answer)
        return attempt.answer

    async def _serve(self, one: Any, asked: Asked, attempt: Attempt, answer: asyncio.Future[Answer]) -> None:
        try:
            result = await clients.decide(one.log, asked, attempt, self.loop.now, one.clock())
        except Exception as bug:
            self._bug(bug)
            result = Answer("error", reason=repr(bug))
        if not answer.done():
            answer.set_result(result)

    # --- quiet

    def _quiet(self) -> None:
        self.faults.calm, self.faults.store_away, self.faults.broker_away = True, False, False
        for name, one in list(self.alive.items()):
            if one.process.stopped:
                one.process.go_on()
            if one.process.dead:
                self._start(name)
        if self.plan.audits and any(action.args == ("same-id",) for action in self.plan.actions):
            self.loop.call_later(5.0, self._do_audit)

    async def _settled(self) -> None:
        from tests.simulation.check import is_settled

        until = self.loop.now + SETTLES_WITHIN
        while self.loop.now < until:
            if is_settled(self):
                await asyncio.sleep(1.0)
                if is_settled(self):
                    return
            await asyncio.sleep(0.5)


class _Watcher(logging.Handler):
    """The follower survives its own bugs; here they count."""

    def __init__(self, bugs: list[str]) -> None:
        super().__init__(logging.ERROR)
        self._bugs = bugs

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self._bugs.append(f"a bug: {_innermost(record.exc_info[1])!r}")


def _innermost(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def forged(kind: str, stream: str, version: int, rng: Random) -> tuple[bytes | None, bytes | None, list[Any]]:
    """A record that nobody of ours sent."""
    number = (
        max(1, version)
        if kind == "rival"
        else version + (1 if kind == "forged-next" else 4 if kind == "forged-far" else rng.randint(1, 3))
    )
    value = canonical({"item": "poison", "text": "0" * 64})
    prev = sha256(str(rng.random()).encode())
    attributes = {
        "id": f"{stream}@{number}",
        "source": domain.NOTE.source,
        "type": domain.Added.TYPE,
        "subject": stream,
        "time": "2026-11-23T09:00:00.000Z",
        "recordedtime": "2026-11-23T09:00:00.000Z",
        "dataschema": "urn:hamkke:schema:x",
        "streamversion": str(number),
        "actorref": "nobody",
    }
    own = chain_hash(prev, attributes, value)
    headers: list[Any] = [("content-type", b"application/json"), ("ce_specversion", b"1.0")]
    headers += [(f"ce_{name}", text.encode()) for name, text in attributes.items()]
    headers += [("ce_prevhash", prev.encode()), ("ce_hash", own.encode()), ("reply_to", b"anywhere")]
    if kind == "garbage":
        return stream.encode(), rng.randbytes(9), headers
    if kind == "tombstone":
        return stream.encode(), None, headers
    if kind == "wrong-hash":
        return stream.encode(), canonical({"item": "changed"}), headers
    if kind == "bad-header":
        return stream.encode(), value, [*headers[:-1], ("ce_hash", b"\xff\xfe")]
    if kind == "repeated-header":
        return stream.encode(), value, [*headers, ("ce_hash", own.encode())]
    if kind == "no-key":
        return None, value, headers
    return stream.encode(), value, headers


Check = Callable[[World], list[str]]
