"""Each rule of the protocol, switched off once: the simulation must find every one of them.

A mutant replaces a function or two of the real code while it is applied. `favour` makes the faults that the rule is
about come more often, so that few schedules suffice; with nothing switched off the same schedules hold.

Three have no mutant of their own but a test in `test_rules.py` or `tests/shared/test_rebuild_rules.py`: no schedule
misses F2's epoch in the filter (what a stale owner's checkpoint would skip, the comparisons of F3 and the audit find)
or C2's order alone (nothing is acknowledged before all of it is written, so "C2-order" switches both off); R2 is about
topics that no schedule leaves half full.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from shared import moments
from shared.broker.port import Incoming
from shared.consumption import settle, shelf, shell
from shared.consumption.consumer import command_of
from shared.consumption.effects import Effects
from shared.consumption.settle import Guard
from shared.consumption.shell import Shell
from shared.contracts import cloudevents
from shared.eventlog import batch, erasing, folded, log
from shared.eventlog.batch import Inserts
from shared.eventlog.log import EventLog
from shared.eventlog.memory import Memory
from shared.follower import follower, relay, source, views
from shared.follower.checkpoint import Checkpoint
from shared.follower.relay import Relay
from shared.refusals import VersionMismatch
from shared.store.port import Doc, StoreAway, StreamLost
from tests.simulation import processes
from tests.simulation.plan import FAULTS, KNOBS

Replacement = tuple[Any, str, Any]

SHORT: tuple[Replacement, ...] = (  # schedules are short: so are the waits of the real code
    (source, "IDLE", 5.0),  # longer, this one: an idle schedule need not spend its time polling
    (source, "OVERLAP", timedelta(seconds=22)),  # more than a request's 10 s, an insert's 5 s and 4 s between clocks
    (shelf, "RETRY", (0.3, 1.0, 2.0, 2.0, 2.0)),
)


@dataclass(frozen=True)
class Mutant:
    """A rule switched off: what is replaced, and what to favour so that it shows."""

    says: str
    replaced: tuple[Replacement, ...]
    favour: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def none(cls) -> "Mutant":
        return cls("nothing is switched off", ())

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While inside, the rule is off and waits are short; afterwards everything is as it was."""
        before = [(owner, name, getattr(owner, name)) for owner, name, _ in (*SHORT, *self.replaced)]
        for owner, name, replacement in (*SHORT, *self.replaced):
            setattr(owner, name, replacement)
        try:
            yield
        finally:
            for owner, name, original in before:
                setattr(owner, name, original)


# --- deciding


def _looked_up_once() -> Callable[..., Any]:
    original, seen = log._answered_before, {}  # commands are kept, so that no other gets the id of a dead one

    def answered_before(own: Any, command: Any) -> Any:
        if id(command) in seen:
            return None
        seen[id(command)] = command
        return original(own, command)

    return answered_before


_attempt = EventLog._attempt


async def _if_match_first(self: EventLog, stream: str, rule: Any, command: Any, sees: Sequence[str]) -> Any:
    own = self._streams.known(stream)
    if command.if_match is not None and command.if_match != own.version and not await self._learn((stream,)):
        raise VersionMismatch(version=own.version)
    return await _attempt(self, stream, rule, command, sees)


async def _taken_before_it_is_stored(self: EventLog, stream: str, rule: Any, command: Any, sees: Sequence[str]) -> Any:
    """Two in flight on a stream need the second to build on the first."""
    own = self._streams.known(stream)
    if answered := log._answered_before(own, command):
        return answered
    version, prev = own.version, own.hash
    events, refusal = self._judge(own, rule, command, sees)
    if await self._learn((*sees,) if events else (stream, *sees)):
        return None
    if refusal is not None:
        raise refusal
    if not events:
        return log.Decided(stream, version, changed=False)
    if own.version != version:
        return None
    commit = self._commit(own.aggregate, stream, version, prev, events, command)
    self._streams.take(commit)
    if await self._inserts.insert(commit, command.started):
        return log.Decided(stream, commit["last"], changed=True)
    self._streams._warm.pop(stream, None)
    return None


@contextmanager
def _nothing() -> Iterator[None]:
    yield


class _NoTurn:
    async def __aenter__(self) -> None: ...
    async def __aexit__(self, *error: object) -> None: ...


async def _believes_its_cache(self: EventLog, streams: Sequence[str]) -> bool:
    return False


_learn = EventLog._learn


async def _reads_only_its_own(self: EventLog, streams: Sequence[str]) -> bool:
    return await _learn(self, [s for s in streams if not s.startswith("gate:")])


async def _unknown_means_no(self: Inserts) -> None:
    """After an unknown outcome it decides again, as if the place were taken."""
    while waiting := self._take():
        try:
            stored = await self._commits.insert([one.document for one in waiting])
        except StoreAway:
            stored = [False] * len(waiting)
        for one, done in zip(waiting, stored, strict=True):
            batch._settle(one, done)


# --- erasing


async def _only_unset(self: EventLog, stream: str, *rest: Any) -> None: ...


async def _streams_of_views(store: Any, citizen: str) -> dict[str, int]:
    found: dict[str, int] = {}
    async for docs in store["notes"].scan(fields=("version",)):
        found |= {doc["_id"]: doc["version"] for doc in docs if citizen in doc["_id"].split(":")}
    return found


class _NeverErased:
    """A stream as it stands, but for having been erased."""

    def __init__(self, folded: Any) -> None:
        self._folded = folded

    def __getattr__(self, name: str) -> Any:
        return False if name == "erased" else getattr(self._folded, name)


_judge = EventLog._judge


def _judged_as_if_never_erased(self: EventLog, own: Any, *rest: Any) -> Any:
    return _judge(self, _NeverErased(own), *rest)  # type: ignore[arg-type]


# --- follower

_take_over = Checkpoint.take_over


async def _one_checkpoint(self: Checkpoint, epoch: int) -> Doc:
    """The relay starts where the views are."""
    document = await _take_over(self, epoch)
    if self._name == "relay":
        others = (await self._checkpoints.get(["views"])).get("views")
        if others and others["token"] is not None and document["token"] is not None:
            self.document = document = {**document, "token": others["token"], "at": others["at"]}
    return document


async def _waits_for_news_only(self: Relay, sender: Any) -> None:
    self._news.clear()
    await self._news.wait()


_begin = Relay._begin


async def _notes_the_cluster_then_begins(self: Relay, sender: Any) -> None:
    cluster = await sender.cluster_id()
    if self._checkpoint.document.get("cluster", cluster) != cluster:
        self._checkpoint.move(cluster=cluster)
        await self._checkpoint.write()
        self._emptied = True
    await _begin(self, sender)


_publish = Relay._publish


async def _checkpoint_first(self: Relay, sender: Any, commits: Sequence[Doc], token: Any) -> None:
    if commits and token is not None:
        offsets = [[topic, partition, last] for (topic, partition), last in self._offsets.items()]
        self._checkpoint.move(token=token, at=commits[-1]["at"], cluster=self._cluster, offsets=offsets)
        await self._checkpoint.write()
    await _publish(self, sender, commits, token)


async def _cluster_not_compared(self: Relay, sender: Any) -> None:
    await self._checkpoint.write()


def _offsets_not_compared(self: Relay, offsets: Mapping[tuple[str, int], tuple[int, int]]) -> None:
    self._offsets |= {place: last for place, (_, last) in offsets.items()}


async def _scans_before_it_watches(commits: Any, token: Any, at: str | None) -> Any:
    stream = None
    if token is not None:
        try:
            stream = await commits.watch(token)
        except StreamLost:
            token = None
    while True:
        if stream is None:
            async for scanned in source.scan(commits, at):
                yield scanned, None
            stream = await commits.watch()
            yield [], stream.token
        try:
            found = await stream.batch(source.IDLE)
        except StreamLost:
            stream = None
            continue
        yield found, stream.token


async def _in_the_stores_order(commits: Any, at: str | None = None) -> Any:
    where = None if at is None else {"at": {"$gt": moments.text(moments.moment(at) - source.OVERLAP)}}
    async for found in commits.scan(where):
        yield found


def _whatever_is_there(document: Doc) -> tuple[Doc, Doc]:
    return {"_id": document["_id"]}, document


# --- consuming


def _hash_not_recomputed(raw: Incoming) -> Any:
    own = dict(raw.headers).get("ce_hash") or b""
    original = cloudevents.chain_hash
    cloudevents.chain_hash = lambda prev, attributes, value: bytes(own).decode("latin-1")
    try:
        return cloudevents.read_record(raw)
    finally:
        cloudevents.chain_hash = original


def _numbered() -> Callable[..., str]:
    count = iter(range(10**12))
    return lambda cluster, consumer, raw: f"{consumer}/{next(count)}"


async def _guards_not_compared(self: Effects, guards: Mapping[str, Guard]) -> bool:
    if self._new:
        await self._view.insert(self._new)
    for stream, guard in guards.items():
        document = {"_id": stream, "version": guard.version, "hash": guard.hash} | (self._body(stream) or {})
        if not (await self._guards.insert([document]))[0]:
            await self._guards.replace([({"_id": stream}, document)])
    return True


_parked = shelf.parked


def _parked_by_version(cluster: str, consumer: str, generation: int, raw: Any, record: Any, *rest: Any) -> Doc:
    return _parked(cluster, consumer, generation, raw, record, *rest) | {"_id": f"{consumer}/{record.id}"}


_set_aside = Shell._set_aside


async def _guard_not_read_again(self: Shell, *args: Any) -> bool:
    await _set_aside(self, *args)
    return True


async def _set_aside_at_leisure(self: Shell, *args: Any) -> bool:
    async def whenever() -> None:
        with suppress(StoreAway):
            await _set_aside(self, *args)

    self.__dict__["_at_leisure"] = asyncio.get_running_loop().create_task(whenever())
    return True


async def _no_sweep(self: Shell) -> None: ...


_load = Effects.load


async def _guards_cached(self: Effects, streams: list[str]) -> None:
    """What was read once is believed for good, as if no other process ever owned the partition."""
    cache = self._consumer.__dict__.setdefault(f"_cache_{id(self._guards._store)}", {})  # type: ignore[attr-defined]
    if unknown := [stream for stream in streams if stream not in cache]:
        cache.update(await self._guards.get(unknown))
    self._found = {stream: cache[stream] for stream in streams if stream in cache}


def _first_candidate_only(settled: Any, rivals: list[Any], apply: Any) -> Any:
    return _advance(settled, rivals[:1], apply)


_advance = settle._advance
_command_of = command_of


def _command_of_the_moment() -> Callable[..., Any]:
    count = iter(range(10**12))
    return lambda consumer, record, name: _command_of(consumer, record, name, next(count))


async def _effect_after_guard(self: Effects, guards: Mapping[str, Guard]) -> bool:
    new, self._new = self._new, []
    moved = await _write(self, guards)
    if new:
        await self._view.insert(new)
    return moved


_write = Effects.write
_TURBULENT = {"kill": 3.0, "stop": 3.0, "rebalance": 3.0}

MUTANTS: dict[str, Mutant] = {
    "D1": Mutant(
        "the command id is looked up in the first round only, not after a lost race",
        ((log, "_answered_before", _looked_up_once()),),
        {"impatient": 3, "repeat": 2, "unknown": 3},
    ),
    "D1-if-match": Mutant(
        "If-Match comes before the command id",
        ((EventLog, "_attempt", _if_match_first),),
        {"if-match": 6, "unknown": 4},
    ),
    "D2": Mutant(
        "the snapshot does not remember the stream's commands",
        ((Memory, "unpack", classmethod(lambda cls, packed: cls())),),
        {"kill": 4, "repeat": 5, "impatient": 3},
    ),
    "D2-body": Mutant(
        "the memory does not know the body of a command",
        ((Memory, "same_body", lambda self, known, command_hash: True),),
        {"changed": 4},
    ),
    "D3": Mutant(
        "a deciding consumer's command id is not that of its event",
        ((processes, "command_of", _command_of_the_moment()),),
        _TURBULENT,
    ),
    "D5": Mutant(
        "a stream has several commits in flight",
        ((EventLog, "_attempt", _taken_before_it_is_stored), (EventLog, "_turn", lambda self, stream: _NoTurn())),
        {"scattered": 6, "late": 3},
    ),
    "D6-refusal": Mutant(
        "a refusal is answered from the cache",
        ((EventLog, "_learn", _believes_its_cache),),
        {"close": 2, "open": 2},
    ),
    "D6-foreign": Mutant(
        "an acceptance does not read the streams it saw",
        ((EventLog, "_learn", _reads_only_its_own),),
        {"close": 4, "open": 4},
    ),
    "D8": Mutant(
        "an unknown outcome counts as a no, and it is decided again",
        ((Inserts, "_work", _unknown_means_no),),
        {"late": 6, "unknown": 4, "close": 3},
    ),
    "E1-unset-only": Mutant(
        "the private parts are unset, and no stream hears of it",
        ((EventLog, "append_erased", _only_unset),),
        {"erase": 5},
    ),
    "E1-fold": Mutant(
        "folding `Erased` keeps earlier private parts",
        ((folded, "forget", lambda value: value),),
        {"erase": 5},
    ),
    "E1-views": Mutant(
        "the person's streams are looked up in the views",
        ((erasing, "streams_of", _streams_of_views),),
        {"erase": 5, "store-away": 2},
    ),
    "E1-refuses": Mutant(
        "the rule decides on after the stream was erased",
        ((EventLog, "_judge", _judged_as_if_never_erased),),
        {"erase": 5},
    ),
    "F1": Mutant(
        "the relay resumes from the views' checkpoint",
        ((Checkpoint, "take_over", _one_checkpoint),),
        {"kill": 4, "broker-away": 5},
    ),
    "F2": Mutant(
        "the checkpoint is written before the acknowledgement",
        ((Relay, "_publish", _checkpoint_first),),
        {"kill": 3, "broker-away": 4, "lost": 3},
    ),
    "F3-id": Mutant(
        "the cluster's id is not compared before a checkpoint",
        ((Relay, "_confirm", _cluster_not_compared),),
        {"empty": 6},
    ),
    "F3-idle": Mutant(
        "the cluster's id is not compared while there is nothing to send",
        ((Relay, "_idle", _waits_for_news_only),),
        {"empty": 6},
    ),
    "F3-reset": Mutant(
        "another cluster's id is noted first, and the position is reset then",
        ((Relay, "_begin", _notes_the_cluster_then_begins),),
        {"empty": 9, "kill": 4, "stop": 4, "lost": 3, "unknown": 6},
    ),
    "F3-offset": Mutant(
        "an acknowledged offset may be below the last one",
        ((Relay, "_acknowledged", _offsets_not_compared),),
        dict.fromkeys((*KNOBS, *FAULTS), 0.0) | {"empty": 1, "no-audit": 1, "few": 99, "long": 9},
    ),
    "F5": Mutant(
        "a rescan scans first and opens the change stream then",
        ((relay, "follow", _scans_before_it_watches), (follower, "follow", _scans_before_it_watches)),
        {"stream-lost": 5, "small": 4, "slow": 4},
    ),
    "F5-order": Mutant(
        "a scan hands on commits as the store has them, `@10` before `@2`",
        ((source, "scan", _in_the_stores_order),),
        {"stream-lost": 6, "broker-away": 6, "empty": 0, "early": 0, "rival": 0, "few": 3},
    ),
    "F5-overlap": Mutant(
        "a scan begins where the clocks say that the last one ended",
        ((source, "OVERLAP", timedelta(0)),),
        {"stream-lost": 9, "kill": 6, "stop": 6, "long": 3},
    ),
    "F6": Mutant(
        "view writes do not compare versions",
        ((views, "_if_older", _whatever_is_there),),
        {"slow": 9, "late": 40, "few": 40, "remove": 3, "stop": 4},
    ),
    "C1": Mutant(
        "the record's own hash is not recomputed",
        ((shell, "read_record", _hash_not_recomputed),),
        {"poison": 5},
    ),
    "C2-name": Mutant(
        "a dead record's document is not named after its place",
        ((shelf, "place", _numbered()),),
        {"poison": 5, "rebalance": 3, "lost": 3},
    ),
    "C2-order": Mutant(
        "dead and parked documents are written after the guards, and nothing waits for them",
        ((Shell, "_set_aside", _set_aside_at_leisure),),
        _TURBULENT | {"early": 5, "flaky": 4, "lost": 4},
    ),
    "C2-effects": Mutant(
        "guards are written before effects",
        ((Effects, "write", _effect_after_guard),),
        _TURBULENT | {"lost": 3},
    ),
    "C3": Mutant(
        "guards are written without comparing",
        ((Effects, "write", _guards_not_compared),),
        _TURBULENT | {"slow": 4},
    ),
    "C4-name": Mutant(
        "parked records are named after stream and version",
        ((shelf, "parked", _parked_by_version),),
        {"poison": 9, "rival": 6, "flaky": 9, "few": 9},
    ),
    "C4-rivals": Mutant(
        "draining tries one candidate for a version, not all",
        ((settle, "_advance", _first_candidate_only),),
        {"poison": 6, "early": 6, "broker-away": 3},
    ),
    "C5-again": Mutant(
        "the guard is not read again after parking, and no sweeper looks",
        ((Shell, "_set_aside", _guard_not_read_again), (Shell, "sweep", _no_sweep)),
        {"early": 6, "rebalance": 4, "slow": 3, "broker-away": 3},
    ),
    "C5-cache": Mutant(
        "guards are cached over a rebalance",
        ((Effects, "load", _guards_cached),),
        _TURBULENT,
    ),
}


def chosen(name: str) -> Mutant:
    """The mutant of this name; with a `~` before it only what it favours; nothing of the kind for no name."""
    if not name:
        return Mutant.none()
    mutant = MUTANTS[name.removeprefix("~")]
    return Mutant("nothing is switched off", (), mutant.favour) if name.startswith("~") else mutant
