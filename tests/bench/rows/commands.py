"""Commands per second, follower and relay running, counted until both have caught up."""

from typing import Any

from shared.contracts.recruitment import APPLICATION, CALL
from tests.bench import asked, load
from tests.bench.bench import Bench
from tests.bench.burst import burst, rate
from tests.bench.caughtup import Behind
from tests.bench.meter import Meter
from tests.bench.place import Place, fresh, plain, services
from tests.bench.report import Row, Sample, at_least
from tests.bench.rounds import alternate

CLIENTS = 16
GROWING = 200
DATABASE = "hamkke_recruitment"
FLOOR = 0.60


class Sent:
    """The bursts of one side. It remembers the calls' versions, and how far its topics are read."""

    def __init__(self, place: Place, keys: str, follows: bool) -> None:
        self._place, self._keys, self._follows = place, keys, follows
        self.calls: dict[str, int] = {}
        self.ends: dict[str, dict[str, int]] = {"apply": {}, "append": {}}
        self.last: dict[str, Any] = {}

    async def apply(self, count: int, clients: int = CLIENTS) -> Sample:
        """So many people apply to one call."""
        return await self._send("apply", count, clients)

    async def append(self, count: int, clients: int = CLIENTS) -> Sample:
        """So many extensions of the growing calls."""
        return await self._send("append", count, clients)

    async def _send(self, verb: str, count: int, clients: int) -> Sample:
        where = self._place.where() | {"url": self._place.url, "keys": self._keys, "follows": self._follows}
        what = {"verb": verb, "calls": self.calls, "count": count, "clients": clients, "salt": fresh("people")}
        self.last = await burst("rows.commands:send", where | what | {"ends": self.ends[verb]})
        self.ends[verb], self.calls = self.last["ends"], self.last["calls"]
        return rate(self.last)


async def both(bench: Bench) -> list[Row]:
    """Two rows."""
    count = bench.size(2_000)
    async with services(bench.store, ["recruitment"]) as ours, plain(bench.store, ours.keys) as theirs:
        candidate, baseline = await open_calls(ours), Sent(theirs, str(ours.keys), follows=False)
        baseline.calls = candidate.calls
        for warm in (baseline, candidate):
            await warm.apply(200)
            await warm.append(GROWING)
        applied = await alternate(
            bench.rounds, lambda _: baseline.apply(count), lambda _: candidate.apply(count), bench.step
        )
        appended = await alternate(
            bench.rounds, lambda _: baseline.append(count), lambda _: candidate.append(count), bench.step
        )
    return [
        at_least(bench.name("commands_apply"), "commands/s", applied, 0.80, FLOOR),
        at_least(bench.name("commands_append"), "commands/s", appended, 0.70, FLOOR),
    ]


async def open_calls(place: Place, number: int = GROWING) -> Sent:
    """Our side, with calls that are open."""
    sent = Sent(place, str(place.keys), follows=True)
    prepared = await burst(
        "rows.commands:prepare", place.where() | {"url": place.url, "keys": str(place.keys), "number": number}
    )
    sent.calls, sent.ends["append"] = prepared["calls"], prepared["ends"]
    return sent


# In the burst's process


async def prepare(
    store_uri: str, bootstrap: str, pids: dict[str, int], url: str, keys: str, number: int
) -> dict[str, Any]:
    """Open so many calls, and wait until they are on the topic."""
    calls = await asked.open_calls(url, keys, number)
    behind = Behind(store_uri, DATABASE, bootstrap, CALL.topic, {})
    await behind.open()
    await behind.wait("calls", {CALL.stream(call): version for call, version in calls.items()}, 3 * number)
    await behind.close()
    return {"calls": calls, "ends": behind.ends}


async def send(
    store_uri: str, bootstrap: str, pids: dict[str, int], url: str, keys: str, follows: bool, verb: str,
    calls: dict[str, int], count: int, clients: int, salt: str, ends: dict[str, int],
) -> dict[str, Any]:  # fmt: skip
    """One burst of commands; `follows`: counted until relay and views have caught up."""
    if verb == "apply":
        chains, view, topic = (
            asked.applications(keys, next(iter(calls)), salt, count),
            "applications",
            APPLICATION.topic,
        )
    else:
        chains, view, topic = asked.extensions(keys, calls, count), "calls", CALL.topic
    behind = Behind(store_uri, DATABASE, bootstrap, topic, ends)
    if follows:
        await behind.open()
    with Meter(pids) as meter:
        told = await load.send_all(url, chains, clients)
        told.check()
        if follows:
            last = {chain.stream: chain.version or 1 for chain, _ in told.answered[-2 * clients :]}
            await behind.wait(view, last, count)
    await behind.close()
    if verb == "append":
        calls = calls | {chain.stream.partition(":")[2]: chain.version or 0 for chain in chains}
    answered = told.ended - told.began
    return meter.result(count) | {
        "answered": answered, "latencies": told.latencies, "calls": calls, "ends": behind.ends
    }  # fmt: skip
