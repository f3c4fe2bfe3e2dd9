"""One seed: a private platform under fire, then quiet, then five records compared."""

import asyncio
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx

from deploy.local.platform import Platform
from deploy.local.ports import LOOPBACK, free_port
from deploy.local.services import SERVICES
from deploy.local.trouble import Trouble
from shared.broker.murmur import partition_of
from shared.broker.port import BrokerAway
from shared.http.keys import make_keys
from shared.http.roles import Role
from shared.http.tokens import issue_token
from shared.settings import load_settings
from shared.store.mongo import MongoStore
from shared.store.port import StoreAway
from tests.faults import requests
from tests.faults.clients import PATIENT, Crowd
from tests.faults.compare import compare
from tests.faults.gather import Gatherer
from tests.faults.havoc import Havoc
from tests.faults.proxy import Proxy
from tests.faults.records import Finding, Records
from tests.faults.schedule import schedule
from tests.faults.watcher import Watcher

SETTLES = 30.0  # seconds after the last fault
STUCK = Trouble, StoreAway, BrokerAway, OSError, httpx.HTTPError, ExceptionGroup
"""What a round ends with when something never comes back: a finding, not the end of the harness."""
FLOWS = 10.0  # seconds in which a fresh application reaches the inbox, poison or not, once all has settled


@dataclass
class Result:
    """What came of a seed."""

    seed: int
    broker: str
    findings: list[Finding] = field(default_factory=list)
    numbers: dict[str, Any] = field(default_factory=dict)
    schedule: list[dict[str, Any]] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        kinds = Counter(finding.kind for finding in self.findings)
        return {
            "seed": self.seed,
            "broker": self.broker,
            "passed": self.passed,
            "findings": dict(kinds),
            "words": [str(finding) for finding in self.findings[:200]],
            "numbers": self.numbers,
            "schedule": self.schedule,
        }


@dataclass(frozen=True)
class Plan:
    """How a seed is run. `hosted_by` and `env` let a test put something else in front of the services."""

    seed: int
    seconds: float
    kafka: bool
    home: Path
    scenario: str | None = None
    hosted_by: str = "tests.faults.host"
    env: dict[str, str] = field(default_factory=dict)
    settles: float = SETTLES


async def run_round(plan: Plan, say: Callable[[str], None]) -> Result:
    """Run one seed. Whatever happens, nothing is left running; a place that stays away is a finding."""
    result = Result(plan.seed, "Apache Kafka" if plan.kafka else "embedded")
    shutil.rmtree(plan.home, ignore_errors=True)
    platform = Platform(
        plan.home, split=True, replicas=2, kafka=plan.kafka, hosted_by=plan.hosted_by, env={**QUIET, **plan.env}
    )
    gates = {"store": (free_port(), platform.store_port), "broker": (free_port(), platform.broker_port)}
    platform.store_address = f"{LOOPBACK}:{gates['store'][0]}"
    platform.broker_address = f"{LOOPBACK}:{gates['broker'][0]}"
    proxy = Proxy(gates)
    make_keys(platform.home.keys)
    say("starting")
    try:
        await proxy.start()
        async with platform:
            await _Round(plan, platform, proxy, say, result).run()
    except STUCK as error:
        result.findings.append(Finding("stuck", repr(error)))
    finally:
        await proxy.stop()
    return result


QUIET = {"HAMKKE_LOG_REQUESTS": "false"}


class _Round:
    def __init__(
        self, plan: Plan, platform: Platform, proxy: Proxy, say: Callable[[str], None], result: Result
    ) -> None:
        self._plan, self._platform, self._proxy, self._say, self._result = plan, platform, proxy, say, result
        self.settings = settings = load_settings({}, home=platform.home.root)
        stores = [MongoStore.connect(platform.store_uri, settings.database(name)) for name in SERVICES]
        self._stores = dict(zip(SERVICES, stores, strict=True))
        platform._add_host("notifications.3", {"notifications": free_port()})  # comes and goes: see schedule.py
        self._watcher = Watcher(self._stores["recruitment"]["commits"])
        self._havoc = Havoc(plan.seed, platform, proxy, self._stores["recruitment"], self._watcher, say)
        self._crowd = Crowd(settings, self._urls, plan.seed)
        self._gatherer = Gatherer(platform, *stores, settings.secrets.first)

    async def run(self) -> None:
        self._watcher.start()
        try:
            await self._under_fire()
            await self._quiet()
        finally:
            self._result.schedule = sorted(self._havoc.done, key=lambda done: done["from"])
            await self._watcher.stop()
            await self._crowd.close()
            await self._gatherer.close()
            for store in self._stores.values():
                await store.close()

    def _urls(self, service: str) -> dict[str, str]:
        """Where clients ask: what a load balancer would still list."""
        members = self._platform.members
        return {
            name: self._platform.url(name)
            for name in members
            if name.partition(".")[0] == service and (not name.endswith(".3") or members[name].alive)
        }

    async def _under_fire(self) -> None:
        await self._crowd.open_calls()
        crowd = asyncio.create_task(self._crowd.run())
        faults = schedule(self._plan.seed, self._plan.seconds, self._plan.scenario)
        try:
            await self._havoc.run(faults)
            await self._havoc.send(self._havoc.rows())
        except BaseException:
            crowd.cancel()
            raise
        self._last_fault = time.monotonic()
        self._say("quiet")
        self._crowd.finish()
        done, late = await asyncio.wait([crowd], timeout=self._plan.settles)
        for task in late:
            task.cancel()
            self._find("stuck", f"clients have no answer {self._plan.settles:.0f} s after the last fault")
        for task in done:
            task.result()

    def _find(self, kind: str, words: str) -> None:
        self._result.findings.append(Finding(kind, words))

    async def _quiet(self) -> None:
        records, findings = await self._settle(self._last_fault + self._plan.settles)
        settled, flowing = time.monotonic() - self._last_fault, list[float]()
        if findings:
            self._find("stuck", f"not settled {settled:.0f} s after the last fault: {len(findings)} findings")
        else:
            self._say("fresh applications behind fresh poison")
            flowing = await self._canaries()
            records, findings = await self._settle(time.monotonic() + FLOWS)
        self._result.findings += findings
        if not findings:
            self._say("rebuilding")
            self._result.findings += await self._gatherer.rebuild(records)
            self._result.findings += await self._gatherer.shown(self._crowd, records)
            self._result.findings += compare(records)
        self._result.numbers = _numbers(records) | {"settled_s": round(settled, 1), "canary_s": flowing}

    async def _canaries(self) -> list[float]:
        """Fresh applications behind fresh poison in every partition: seconds until each is in the inbox."""
        rng = Random(f"canary/{self._plan.seed}")
        operator = self._crowd.operators[0]
        drafting = requests.draft(rng, operator)
        took: list[float] = []
        try:
            async with asyncio.timeout(self._plan.settles):
                poison = self._havoc.rows(quiet=True)
                await self._havoc.send(poison)
                for record in await self._gatherer.missing(poison):
                    self._find("stuck", f"poison is on no topic, so nobody met it: {record.row}")
                await self._crowd.ask(drafting, rng, PATIENT)
                call = drafting.id(self.settings.secrets.first)[:32]
                for version, verb in enumerate(("publish", "open_call"), start=1):
                    await self._crowd.ask(requests.on_call(verb, rng, operator, call), rng, PATIENT, if_match=version)
                for partition in range(self._platform.partitions):
                    citizen = _citizen_in(partition, self._platform.partitions, call, rng)
                    self._crowd.tokens[citizen] = issue_token(self.settings, [Role.CITIZEN], citizen, ttl=3600)
                    self._crowd.citizens.append(citizen)
                    begun = time.monotonic()
                    await self._crowd.ask(requests.apply(rng, citizen, call), rng, PATIENT)
                    while not await self._crowd.inbox_of(citizen):  # noqa: ASYNC110
                        await asyncio.sleep(0.05)
                    took.append(round(time.monotonic() - begun, 2))
        except (TimeoutError, OSError, httpx.HTTPError) as error:
            self._find("stuck", f"a fresh application does not reach the inbox: {error!r}")
        # a consumer group may replace a lost member until SETTLES after the last fault, as everything else may
        if took and max(took) > FLOWS and time.monotonic() > self._last_fault + self._plan.settles:
            self._find("stuck", f"a fresh application reached the inbox after {max(took)} s only")
        return took

    async def _settle(self, until: float) -> tuple[Records, list[Finding]]:
        """Wait until nothing is wrong any more, or the time is over: then what is still wrong."""
        while True:
            in_time = time.monotonic() < until
            try:
                late = await self._not_ready()
                if in_time and (late or await self._gatherer.behind()):
                    await asyncio.sleep(0.3)
                    continue
                good = [record for record in self._havoc.poison if record.fate.is_good]
                if again := await self._gatherer.missing(good):  # another publisher would publish them again
                    await self._havoc.send(sorted(again, key=lambda record: record.version))
                records = await self._gatherer.records(self._crowd.told, self._watcher, self._havoc.poison)
            except (StoreAway, BrokerAway):
                if not in_time:
                    raise
                await asyncio.sleep(0.5)
                continue
            findings = [*compare(records), *(Finding("stuck", f"{name} is not ready") for name in late)]
            if not findings or not in_time:
                for name in late:
                    self._platform.members[name].signal(signal.SIGUSR1)  # its log will say where it waits
                    await asyncio.sleep(1)
                return records, findings
            self._say(f"settling: {len(findings)} to go, {findings[0]}")
            await asyncio.sleep(0.5)

    async def _not_ready(self) -> list[str]:
        """Places whose process cannot do its work; the extra ones have left."""
        places = [member for name, member in self._platform.members.items() if not name.endswith(".3")]
        ready = await asyncio.gather(*(member.ready() for member in places), return_exceptions=True)
        return [member.name for member, well in zip(places, ready, strict=True) if well is not True]


def _citizen_in(partition: int, partitions: int, call: str, rng: Random) -> str:
    while True:
        citizen = rng.randbytes(16).hex()
        if partition_of(f"application:{call}:{citizen}".encode(), partitions) == partition:
            return citizen


def _numbers(records: Records) -> dict[str, Any]:
    attempts = [attempt for asked in records.told for attempt in asked.attempts]
    return {
        "commands": len(records.told),
        "attempts": len(attempts),
        "accepted": sum(one.accepted for one in attempts),
        "refused": sum(one.refused for one in attempts),
        "unknown": sum(one.is_open for one in attempts),
        "commits": len(records.commits),
        "records": sum(len(raws) for raws in records.topics.values()),
        "inbox": len(records.inbox),
        "dead": len(records.dead),
        "poison": len(records.poison),
    }
