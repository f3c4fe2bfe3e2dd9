"""The demonstration from beginning to end: platform, pool, call, crowd, quiet, comparison, report, and then open house."""

import asyncio
import math
import signal
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console

from deploy.demo.arrivals import Arrivals
from deploy.demo.call import TITLE, open_call
from deploy.demo.client import Client, Person
from deploy.demo.compare import Findings, compare_heard
from deploy.demo.crowd import Crowd, pseudonym
from deploy.demo.people import SEATS, invent
from deploy.demo.pool import BadPool, Pool, read_pool, write_pool
from deploy.demo.records import Records, open_records
from deploy.demo.report import Report, sentences, show, write_report
from deploy.demo.screen import Screen
from deploy.demo.watch import Watch
from deploy.demo.where import Place, a_place, pool_folder
from deploy.local.home import Home
from deploy.local.services import DEFAULT_PORT
from deploy.local.starting import memory
from deploy.local.trouble import Trouble
from shared.broker.port import BrokerAway
from shared.http.roles import Role
from shared.store.port import StoreAway

QUIET = 90.0  # seconds without any news after which what is missing counts as lost
LOOK = 0.2
ASKED_OVER_HTTP = 100  # volunteers whose inbox is read through the front door too
OPERATOR = "0" * 31 + "1"


@dataclass(frozen=True)
class Wishes:
    """What the command line asks for."""

    volunteers: int = 2_000
    pool: Path | None = None
    seats: int | None = None
    leave: bool = False
    port: int = 8400
    split: bool = True
    kafka: bool = False
    store: str | None = None
    clients: int = 24
    rate: float = 0.0


class Interrupted(Exception):
    """Ctrl-C or SIGTERM before the report."""


async def demonstrate(wishes: Wishes, home: Home, console: Console) -> int:
    """Run it; the exit code: 0, or 1 when something was lost, doubled or out of order. Raises Trouble, Interrupted."""
    told_to_stop = _listen_to_signals()
    pool, seats = _pool(wishes, home)
    _introduce(console, pool, seats, wishes, home)
    place_of_its_own = a_place(home, port=wishes.port, split=wishes.split, kafka=wishes.kafka, store=wishes.store)
    with console.status("Looking for a platform, or starting one: store, broker, services …"):
        place = await _unless(told_to_stop, place_of_its_own.__aenter__())
    try:
        own = "Started a platform of its own." if place.own else "Using the platform that is already up."
        console.print(own)
        report = await _unless(told_to_stop, _take_place(place, pool, seats, wishes, console))
        if not wishes.leave:
            console.print(
                "It all stays up until Ctrl-C."
                if place.own
                else "Ctrl-C ends the demonstration; your platform stays up."
            )
            await told_to_stop.wait()
    finally:
        if place.own:
            with console.status("Stopping services, broker and store …"):
                await place_of_its_own.__aexit__(None, None, None)
    return 0 if report.clean else 1


async def _take_place(place: Place, pool: Pool, seats: int, wishes: Wishes, console: Console) -> Report:
    began = time.monotonic()
    client = Client(place.url("recruitment"))
    try:
        operator = Person(place.settings, OPERATOR, Role.PROGRAM_OPERATOR)
        call_id = await open_call(client, operator, pool, seats)
        console.print(f"「{TITLE['ko']}」 ({TITLE['en']}) is open: call {call_id}.")
        crowd = Crowd(place.settings, client, pool, call_id, wishes.clients, wishes.rate)
        async with open_records(place.settings, call_id) as records:
            findings, watch = await _apply_and_compare(place, crowd, records, console)
        report = _report(place, crowd, watch, findings, time.monotonic() - began)
        path = place.home.root / "demo" / "report.json"
        write_report(path, report)
        show(console, report, path)
        _invite(console, place, crowd, gone=place.own and wishes.leave)
        return report
    finally:
        client.close()


async def _apply_and_compare(place: Place, crowd: Crowd, records: Records, console: Console) -> tuple[Findings, Watch]:
    watch = Watch(place, Arrivals(crowd.told, records.in_inbox))
    screen = Screen(console, crowd, watch)
    watching = asyncio.create_task(watch.run())
    try:
        await screen.during(_both(crowd.apply_all(), watching), lambda: "Applying")
        findings = Findings()

        async def settle_and_compare() -> None:
            nonlocal findings
            await _until_quiet(records, crowd)
            findings = await _compare(records, crowd)
            await _ask_at_the_door(place, crowd, findings)

        await screen.during(_both(settle_and_compare(), watching), lambda: "Comparing")
        return findings, watch
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError, Trouble):
            await watching


async def _both(work: Coroutine[Any, Any, None], watching: "asyncio.Task[None]") -> None:
    """The work; what ends the watching (a platform that was stopped) ends the work too."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            watching.result()
        await task
    finally:
        task.cancel()


async def _until_quiet(records: Records, crowd: Crowd) -> None:
    """Until main view and inboxes show all that was confirmed, or nothing has moved for long."""
    places = [Arrivals(crowd.told, records.in_view), Arrivals(crowd.told, records.in_inbox)]
    arrived, last_news = -1, time.monotonic()
    while time.monotonic() - last_news < QUIET:
        with suppress(StoreAway):
            if sum([await place.look() for place in places]) == 0:
                return
        if sum(place.count for place in places) > arrived:
            arrived, last_news = sum(place.count for place in places), time.monotonic()
        await asyncio.sleep(LOOK)


async def _compare(records: Records, crowd: Crowd) -> Findings:
    """Compare; again while something is missing that may still be on its way (a broker that was just killed)."""
    until = time.monotonic() + QUIET
    while True:
        try:
            findings = await records.compare(crowd.told)
        except (StoreAway, BrokerAway):
            if time.monotonic() > until:
                raise
        else:
            if not findings.lost or time.monotonic() > until:
                return findings
        await asyncio.sleep(LOOK * 3)


async def _ask_at_the_door(place: Place, crowd: Crowd, findings: Findings) -> None:
    """What some of the volunteers find in their inboxes when they look themselves."""
    client = Client(place.url("notifications"))
    try:
        step = max(1, len(crowd.pool.volunteers) // ASKED_OVER_HTTP)
        for volunteer in crowd.pool.volunteers[::step]:
            person = Person(place.settings, pseudonym(volunteer), Role.CITIZEN)
            entries: list[Any] = []
            path = "/inbox?limit=200"
            while path:
                page = (await client.read(person, path)).body
                entries += page.get("items", [])
                path = f"/inbox?limit=200&after={page['next']}" if page.get("next") else ""
            compare_heard([t for t in crowd.told if t.stream.endswith(person.ref)], entries, findings)
    finally:
        client.close()


def _report(place: Place, crowd: Crowd, watch: Watch, findings: Findings, seconds: float) -> Report:
    findings.wrong += crowd.contradictions
    pids = {row["pid"] for row in watch.processes if row["pid"]} | {place.report()["supervisor"]["pid"]}
    spent = max(0.001, crowd.spent)
    return Report(
        pool=len(crowd.pool.volunteers),
        applied=crowd.counts["applied"],
        lost=len(findings.lost),
        duplicate_effects=len(findings.doubled),
        order_violations=len(findings.disordered),
        seconds=math.ceil(seconds),
        withdrawn=crowd.counts["withdrawn"],
        refused=crowd.counts["refused"],
        contradictions=len(findings.wrong),
        retries=crowd.client.counts["retries"],
        restarts=watch.restarts,
        applications_per_second=round(crowd.counts["applied"] / spent),
        memory_mb=memory(pids) >> 20,
        call_id=crowd.call_id,
        findings=[*sentences(findings), *(f"refused: {words}" for words in crowd.refused)],
    )


def _pool(wishes: Wishes, home: Home) -> tuple[Pool, int]:
    """The pool and the seats of its call. Raises BadPool."""
    if wishes.pool is None:
        write_pool(invent(wishes.volunteers), pool_folder(home))
        return read_pool(pool_folder(home)), SEATS  # read back: it is a file like anybody's
    pool = read_pool(wishes.pool)
    low, high = pool.seats
    seats = max(1, low) if wishes.seats is None else wishes.seats
    if not max(1, low) <= seats <= high:
        raise BadPool(f"The quotas of {wishes.pool} are for {max(1, low)} to {high} seats; {seats} is not possible.")
    return pool, seats


def _introduce(console: Console, pool: Pool, seats: int, wishes: Wishes, home: Home) -> None:
    where = wishes.pool or pool_folder(home)
    console.print(f"{len(pool.volunteers):,} volunteers for {seats} seats, from {where}.")
    if wishes.pool is None:
        console.print("They are invented from the margins of each feature alone: no joint distribution is claimed.")
    other = {
        name: code
        for codes in (pool.feature_codes, *pool.value_codes.values())
        for name, code in codes.items()
        if name != code
    }
    if other:
        shown = ", ".join(f"{name} as {code}" for name, code in list(other.items())[:8])
        console.print(
            f"The API takes machine words, so some names are sent as such: {shown}{' …' if len(other) > 8 else ''}."
        )


def _invite(console: Console, place: Place, crowd: Crowd, gone: bool) -> None:
    """What there is to look at now."""
    recruitment, notifications = place.url("recruitment"), place.url("notifications")
    somebody = pseudonym(crowd.pool.volunteers[0])
    again = "hamkke up" if urlsplit(recruitment).port == DEFAULT_PORT + 1 else "hamkke up with the same --port"
    console.print(f"\nLook around, after {again} (what happened stays):" if gone else "\nLook around:")
    for words, url in (
        ("API of recruitment", f"{recruitment}/docs"),
        ("API of notifications", f"{notifications}/docs"),
        ("the call, as everyone sees it", f"{recruitment}/calls/{crowd.call_id}"),
        ("its counts; none under 5", f"{recruitment}/calls/{crowd.call_id}/counts"),
        ("metrics", f"{recruitment}/metrics"),
    ):
        console.print(f"  {words:<30} {url}")
    hamkke = ".venv/bin/hamkke"
    token = f"$({hamkke} token --role CITIZEN --sub {somebody})"
    console.print(f'  one volunteer\'s inbox:\n    curl -H "Authorization: Bearer {token}" {notifications}/inbox')
    console.print(f"  {'the facts on the topics':<30} {hamkke} events tail --from-start --limit 20")
    console.print(f"  {'every chain, recomputed':<30} {hamkke} events verify")


def _listen_to_signals() -> asyncio.Event:
    told = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


async def _unless(told_to_stop: asyncio.Event, work: Coroutine[Any, Any, Any]) -> Any:
    """The result of the work. Raises Interrupted when told to stop before; the work has ended by then."""
    task, stop = asyncio.ensure_future(work), asyncio.ensure_future(told_to_stop.wait())
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise Interrupted
    finally:
        stop.cancel()
        if not task.done():
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
