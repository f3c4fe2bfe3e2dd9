"""What runs in the simulated processes: the real log, follower and consumption, wired as the services wire them."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.broker.port import BrokerAway, Incoming
from shared.consumption.consumer import Consumer, Mode, command_of
from shared.consumption.origin import Origin
from shared.consumption.shell import NotSettled, Shell
from shared.contracts.cloudevents import Record
from shared.eventlog.log import EventLog
from shared.follower.follower import Follower
from shared.store.port import Doc, StoreAway
from tests.simulation import domain
from tests.simulation.broker import Cluster, Member, MemoryBroker
from tests.simulation.clients import Answer
from tests.simulation.loop import Process, SimulatedLoop
from tests.simulation.store import MemoryServer, MemoryStore

EPOCH = datetime(2026, 11, 23, 9, tzinfo=UTC)
SWEEP_EVERY, FIRST_PAUSE, LONGEST_PAUSE, POLL = 6.0, 0.1, 5.0, 8.0


def clock(loop: SimulatedLoop, skew: float) -> Callable[[], datetime]:
    """A process's own clock: the simulation's time, a little off."""
    return lambda: EPOCH + timedelta(seconds=loop.now + skew)


class Publisher:
    """A process with the event log and the follower."""

    def __init__(
        self, name: str, loop: SimulatedLoop, server: MemoryServer, cluster: Cluster, skew: float, life: int
    ) -> None:
        self.name, self.process = name, Process(loop, name)
        self.clock = clock(loop, skew)
        self.store = MemoryStore(server, self.process)
        self.log = EventLog(self.store, domain.AGGREGATES, self.clock)
        broker = MemoryBroker(cluster, self.process)
        self.follower = Follower(self.store, broker, domain.AGGREGATES, f"{name}.{life}")
        self.open: list[asyncio.Future[Answer]] = []  # connections that break when it is killed
        self.process.run(self.follower.run())


class Flaky:
    """Makes consumers' functions fail now and then, as functions with bugs or with bad luck do."""

    def __init__(self) -> None:
        self.fails: Callable[[], bool] = lambda: False

    def __call__(self) -> None:
        if self.fails():
            raise RuntimeError("simulated: the function fails")


FLAKY = Flaky()


def inbox(kinds: Sequence[Any] = (domain.NOTE,)) -> Consumer:
    """Appends: one document an event."""
    consumer = Consumer("inbox", kinds=kinds, mode=Mode.APPENDS)

    @consumer.on(domain.Added)
    def tell_added(event: domain.Added, record: Record) -> list[Doc]:
        FLAKY()
        return [{"_id": record.id, "item": event.item}]

    @consumer.on(domain.NoteErased)
    def tell_erased(event: domain.NoteErased, record: Record) -> list[Doc]:
        return [{"_id": record.id, "item": "erased"}]

    return consumer


def board() -> Consumer:
    """Keeps: one document a stream, which would show a doubled, a lost or a misplaced event."""
    consumer = Consumer("board", kinds=(domain.NOTE, domain.GATE), mode=Mode.KEEPS)

    def note_it(document: Doc | None, event: Any, record: Record) -> Doc:
        FLAKY()
        return {"seen": [*(document["seen"] if document else []), record.version]}

    for event in (domain.Added, domain.GateOpened, domain.GateClosed, domain.NoteErased):
        consumer.on(event)(note_it)
    return consumer


def echo() -> Consumer:
    """Decides: each item heard becomes a command on our own log."""
    consumer = Consumer("echo", kinds=(domain.NOTE,), mode=Mode.DECIDES)

    @consumer.on(domain.Added)
    async def say_it_again(event: domain.Added, record: Record, log: EventLog) -> None:
        FLAKY()
        command = command_of("echo", record, "echo")
        await log.decide(f"echo:{record.stream}", lambda state: domain.echo(state, record.id), command)

    return consumer


CONSUMERS = (inbox(), board(), echo())


class Listener:
    """A process with the consumers of another service, and that service's own log."""

    def __init__(
        self,
        name: str,
        loop: SimulatedLoop,
        server: MemoryServer,
        cluster: Cluster,
        skew: float,
        bug: Callable[[BaseException], None],
    ) -> None:
        self.name, self.process, self._bug = name, Process(loop, name), bug
        self.open: list[asyncio.Future[Answer]] = []
        store = MemoryStore(server, self.process)
        self._broker = MemoryBroker(cluster, self.process)
        now = clock(loop, skew)
        log = EventLog(store, domain.ECHOES, now)
        self.members: list[Member] = []
        for consumer in CONSUMERS:
            shell = Shell(consumer, store, log, now)
            member = Member(self._broker, f"hamkke.echo.{consumer.name}", consumer.topics)
            self.members.append(member)
            self.process.run(self._consume(shell, member))
            self.process.run(self._sweep(shell))

    async def _consume(self, shell: Shell, member: Member) -> None:
        pause, origin, begun = FIRST_PAUSE, Origin(self._broker), False
        while True:
            try:
                if not begun:
                    await origin.begin()
                    begun = True
                batch: list[Incoming] = await member.next(POLL)
                if not batch:
                    continue
                await shell.settle(batch, await origin.of_batch())
                pause = FIRST_PAUSE
            except (StoreAway, BrokerAway, NotSettled):
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                member.again()
                continue
            except Exception as bug:
                self._bug(bug)
                await asyncio.sleep(pause)
                member.again()
                continue
            try:
                await member.done()
            except BrokerAway:
                continue  # as aiokafka: the position stands, the next commit covers it

    async def _sweep(self, shell: Shell) -> None:
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            try:
                await shell.sweep()
            except (StoreAway, NotSettled):
                continue
            except Exception as bug:
                self._bug(bug)
