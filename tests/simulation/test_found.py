"""Holes that the simulation found, each kept shut by the smallest story that shows it."""

import asyncio
from datetime import UTC, datetime

from shared.command import Command
from shared.contracts.base import Private
from shared.eventlog.log import EventLog
from tests.simulation import domain
from tests.simulation.store import MemoryServer, MemoryStore


def command(key: str) -> Command:
    return Command(key, key, "client", datetime(2026, 11, 23, tzinfo=UTC), started=asyncio.get_running_loop().time())


async def test_two_commands_that_meet_the_same_cold_stream_both_decide_on_what_it_really_is() -> None:
    """The one that came second judged the gate as unknown, saw no news of its own, and refused (protocol.md D6)."""
    server = MemoryServer()
    await EventLog(MemoryStore(server), domain.AGGREGATES).decide("gate:g", domain.open_gate, command("open"))
    cold = EventLog(MemoryStore(server), domain.AGGREGATES)
    text = Private("0" * 64, "00" * 16, "x")

    async def add(person: str, delay: int) -> int:
        for _ in range(delay):
            await asyncio.sleep(0)
        rule = lambda note, gate: domain.add(note, gate, ("i",), text)  # noqa: E731
        return (await cold.decide(f"note:{person}", rule, command(person), sees=["gate:g"])).version

    for turn in range(8):
        cold = EventLog(MemoryStore(server), domain.AGGREGATES)
        assert await asyncio.gather(add(f"a{turn}", 0), add(f"b{turn}", turn)) == [1, 1]
