"""A whole Hamkke of one's own: store, broker and services on this machine, started, watched and stopped together.

    async with Platform(folder, split=True, replicas=2) as platform:      # free ports, all ready
        platform.kill("recruitment.2")                                    # SIGKILL; it comes back by itself, with back-off
        platform.hold("broker"); ...; await platform.release("broker")    # away until released
        platform.pause("notifications"); platform.resume("notifications") # SIGSTOP, SIGCONT
        platform.url("recruitment"), platform.store_uri, platform.bootstrap, platform.members["store"].child.pid

A proxy between: set `store_address` and `broker_address` ("host:port" of the proxy) before `start`, and forward from there to
`store_port` and `broker_port`, which are chosen when the object is made. Services (and the broker's advertised listener) then
name the proxy. `bootstrap` is the direct way in. Use `pause` and `resume` instead of signals of your own: while the embedded
broker starts empty, the platform stops the services for some 100 ms, so that none connects before the topics are there again,
and continues only what nobody else has paused.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from deploy.local import brokers, leftovers, stores, topics
from deploy.local.health import health, reasons
from deploy.local.home import Home
from deploy.local.member import Member
from deploy.local.ports import LOOPBACK, free_port, listens, require_free
from deploy.local.process import Launch
from deploy.local.report import write_report
from deploy.local.services import BROKER, CONTROLLER, SERVICES, STORE
from deploy.local.trouble import Trouble
from shared.http.keys import make_keys

FREE_MB = 500
SERVER_PATIENCE, SERVICE_PATIENCE = 30.0, 30.0
WATCH = 0.03


class Platform:
    """Started by `start` or `async with`; raises Trouble, and then nothing is left running. Not to be started twice."""

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        split: bool = True,
        replicas: int = 1,
        kafka: bool = False,
        store: str | None = None,
        env: Mapping[str, str] | None = None,
        partitions: int = 3,
        services: Mapping[str, int] = SERVICES,
        hosted_by: str = "deploy.local.serve",
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`port`: the base of all ports (None: free ones). `store`: a MongoDB address, or py, rs, mongod. `env`: for services."""
        if replicas > 1 and not split:
            raise ValueError("several processes of a service need split=True")
        self.home, self.split, self.kafka, self.partitions = Home(home.resolve()), split, kafka, partitions
        self.env, self.hosted_by, self._changed = dict(env or {}), hosted_by, on_change
        self.external_store = store if store and "://" in store else None
        self.store_kind = "external" if self.external_store else stores.choose(store, self.home.data)

        def at(offset: int) -> int:
            return free_port() if port is None else port + offset

        self.store_port, self.broker_port, self._controller = at(STORE), at(BROKER), at(CONTROLLER)
        self._direct = free_port() if kafka else self.broker_port
        self.store_address, self.broker_address = f"{LOOPBACK}:{self.store_port}", f"{LOOPBACK}:{self.broker_port}"
        self.members: dict[str, Member] = {}
        self._add_servers()
        first = {name: at(offset) for name, offset in services.items()}
        if split:
            for name, its_port in first.items():
                self._add_host(name, {name: its_port})
                for n in range(2, replicas + 1):
                    self._add_host(f"{name}.{n}", {name: free_port()})
        else:
            self._add_host("services", first)
        self.state, self.message = "waiting", ""
        self._lock: IO[str] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._returning: dict[str, asyncio.Task[None]] = {}

    # What to connect to

    @property
    def store_uri(self) -> str:
        """The address of the store, past any proxy."""
        return self.external_store or stores.uri(self.store_kind, f"{LOOPBACK}:{self.store_port}")

    @property
    def bootstrap(self) -> str:
        """The bootstrap address of the broker, past any proxy (with Tansu, which has one listener, metadata still names the proxy)."""
        return f"{LOOPBACK}:{self._direct}"

    def url(self, member: str, service: str | None = None) -> str:
        """The URL of a process (`recruitment`, `recruitment.2`), or of one service in it."""
        endpoints = self.members[member if member in self.members else "services"].endpoints
        return f"http://{LOOPBACK}:{endpoints[service or member.partition('.')[0]]}"

    # Life

    async def start(self) -> None:
        """Start everything in order and wait until all is ready. Raises Trouble; then nothing is left running."""
        self.home.make()
        self._lock = leftovers.take_lock(self.home)
        try:
            leftovers.clean(self.home)
            self._require()
            make_keys(self.home.keys)
            self._forget_old_logs()
            self._turn("starting")
            if self.external_store and not await stores.ready(self.external_store, 3):
                raise Trouble(
                    "The store that --store names does not answer, or has no primary; check the address and that it runs."
                )
            servers = [member for member in self.members.values() if not member.serves]
            await _all(self._first_start(member, SERVER_PATIENCE) for member in servers)
            await _all(self._first_start(member, SERVICE_PATIENCE) for member in self.hosts())
        except BaseException as error:
            self.message = str(error)
            await self.stop("failed")
            raise
        self._turn("ready")
        self._watching = asyncio.create_task(self._watch())

    async def stop(self, state: str = "stopped") -> None:
        """Stop services, broker and store, in that order; at once what does not listen to SIGTERM in time."""
        for member in self.members.values():
            member.wanted = False
        for task in [self._watching, *self._returning.values()]:
            if task:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if state == "stopped":
            self._turn("stopping")
        servers = [self.members[name] for name in ("broker", "store") if name in self.members]
        for group in (self.hosts(), servers[:1], servers[1:]):
            await asyncio.gather(*(member.child.stop() for member in group if member.child))
            for member in group:
                member.state = "stopped"
        self._turn(state)
        if self._lock:
            self._lock.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def hosts(self) -> list[Member]:
        """The processes that host services."""
        return [member for member in self.members.values() if member.serves]

    # Breaking it on purpose

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a process; it comes back by itself."""
        self.members[name].signal(number)

    def hold(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a process and keep it away until `release`."""
        self.members[name].wanted = False
        self.members[name].state = "held"
        self.kill(name, number)

    async def release(self, name: str) -> None:
        """Start a held process again; returns when it is ready."""
        member = self.members[name]
        if member.child:
            await member.child.gone(member.child.launch.patience)
        member.wanted, member.restarts = True, member.restarts + 1
        await self._launch(member, SERVER_PATIENCE)

    def pause(self, name: str) -> None:
        """SIGSTOP."""
        self.members[name].signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self.members[name].signal(signal.SIGCONT)

    # How it is put together

    def _add_servers(self) -> None:
        if not self.external_store:

            async def store_ready() -> bool:
                return await stores.ready(self.store_uri, 1.0, replica_set=self.store_kind == "mongod")

            def store() -> Launch:
                return stores.launch(self.store_kind, self.store_port, self.home.data)

            self.members["store"] = Member("store", {"store": self.store_port}, store, store_ready)

        async def broker_ready() -> bool:
            if not await listens(self._direct):
                return False
            await topics.apply([self.bootstrap], self.partitions)
            return True

        def broker() -> Launch:
            if self.kafka:
                return brokers.apache(
                    self.home.data, self._direct, self.broker_port, self._controller, self.broker_address
                )
            return brokers.tansu(self.broker_port, self.broker_address)

        self.members["broker"] = Member("broker", {"broker": self.broker_port}, broker, broker_ready)

    def _add_host(self, name: str, endpoints: dict[str, int]) -> None:
        async def ready() -> bool:
            answers = await asyncio.gather(*(health(port) for port in endpoints.values()))
            return all(status == 200 for status, _ in answers)

        def launch() -> Launch:
            return Launch([sys.executable, "-m", self.hosted_by, *endpoints], self._service_env(endpoints), patience=5)

        self.members[name] = Member(name, endpoints, launch, ready, serves=True)

    def _service_env(self, endpoints: dict[str, int]) -> dict[str, str]:
        return {
            "HAMKKE_PROFILE": "embedded",
            "HAMKKE_HOME": str(self.home.root),
            "HAMKKE_HOST": LOOPBACK,
            "HAMKKE_PORTS": ",".join(f"{name}={port}" for name, port in endpoints.items()),
            "HAMKKE_STORE_URI": self.external_store or stores.uri(self.store_kind, self.store_address),
            "HAMKKE_BROKER": self.broker_address,
            "HAMKKE_PARTITIONS": str(self.partitions),
            "MALLOC_ARENA_MAX": "2",
            **brokers.service_settings(self.kafka),
            **self.env,
        }

    def _require(self) -> None:
        free = shutil.disk_usage(self.home.root).free >> 20
        if free < FREE_MB:
            raise Trouble(
                f"The disk of {self.home.root} has {free} MB free, and Hamkke needs {FREE_MB} MB to run; free some space."
            )
        brokers.require(self.kafka)
        wanted = {name: port for member in self.members.values() for name, port in member.endpoints.items()}
        require_free(wanted | ({"the broker's controller": self._controller} if self.kafka else {}))

    def _forget_old_logs(self) -> None:
        for name in self.members:
            log = self.home.logs / f"{name}.log"
            if log.exists():
                log.replace(log.with_suffix(".log.1"))

    # Starting, watching, bringing back

    async def _first_start(self, member: Member, patience: float) -> None:
        member.wanted = True
        await self._launch(member, patience)

    async def _launch(self, member: Member, patience: float) -> None:
        """Spawn, and wait until it is ready. Raises Trouble when it ends by itself or is not ready in time."""
        forgets = member.name == "broker" and not self.kafka
        stopped = [host for host in self.hosts() if forgets and host.alive and not host.paused]
        for host in stopped:
            host.signal(signal.SIGSTOP)
        try:
            member.state = "starting"
            member.spawn(self.home.run, self.home.logs)
            self._tell()
            await self._until_ready(member, patience)
        finally:
            for host in stopped:
                host.signal(signal.SIGCONT)
        member.state = "ready"
        self._tell()

    async def _until_ready(self, member: Member, patience: float) -> None:
        until = time.monotonic() + patience
        log = member.log(self.home.logs)
        while not await member.ready():
            if not member.alive:
                code = member.child.code if member.child else None
                words = member.last_words(self.home.logs)
                end = f" and ends:\n{words}" if words else "."
                raise Trouble(f"The {member.name} process ended by itself (exit {code}); its log is {log}{end}")
            if time.monotonic() > until:
                raise Trouble(
                    f"The {member.name} process is not ready after {patience:.0f} s{await self._why(member)}; its log is {log}."
                )
            await asyncio.sleep(WATCH)

    async def _why(self, member: Member) -> str:
        if not member.serves:
            return ""
        answers = {name: await health(port) for name, port in member.endpoints.items()}
        return "".join(
            f"; {name} says: {reasons(body) if status else 'nothing'}"
            for name, (status, body) in answers.items()
            if status != 200
        )

    async def _watch(self) -> None:
        while True:
            for member in self.members.values():
                busy = self._returning.get(member.name)
                if member.wanted and not member.alive and (busy is None or busy.done()):
                    self._returning[member.name] = asyncio.create_task(self._bring_back(member))
            await asyncio.sleep(WATCH)

    async def _bring_back(self, member: Member) -> None:
        member.state, member.restarts = "restarting", member.restarts + 1
        self._tell()
        await asyncio.sleep(member.next_pause())
        if not member.wanted:
            return
        try:
            await self._launch(member, SERVER_PATIENCE)
        except Trouble as trouble:
            member.state = "not ready"
            sys.stderr.write(f"{trouble}\n")
            if not member.serves and member.child:
                await (
                    member.child.stop()
                )  # a server that is up and does not work is started again; a service may yet recover
        self._tell()

    # What can be seen

    def describe(self) -> dict[str, Any]:
        """platform.json."""
        return {
            "state": self.state,
            "message": self.message,
            "profile": "embedded",
            "split": self.split,
            "home": str(self.home.root),
            "store": {"kind": self.store_kind, "uri": self.store_uri},
            "broker": {"kind": "kafka" if self.kafka else "tansu", "address": self.broker_address},
            "supervisor": {"pid": os.getpid()},
            "processes": [row for member in self.members.values() for row in member.rows()],
        }

    def _turn(self, state: str) -> None:
        self.state = state
        self._tell()

    def _tell(self) -> None:
        write_report(self.home.report, self.describe())
        self._changed()


async def _all(starts: Any) -> None:
    """Run all; the first failure is raised when every one has come to its end."""
    results = await asyncio.gather(*starts, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
