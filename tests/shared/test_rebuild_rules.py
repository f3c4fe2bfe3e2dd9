"""A view never goes back: not by a rebuild from emptied topics (R2), not by a consumer that gives a document up (C6)."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.broker.port import Incoming
from shared.command import Command
from shared.consumption import rebuild
from shared.consumption.consumer import Consumer, Mode
from shared.consumption.generations import Generations
from shared.consumption.rebuild import CannotRebuild, Rebuild, Rebuilt
from shared.consumption.shell import Shell
from shared.contracts.cloudevents import records_of
from shared.eventlog.log import EventLog
from shared.store.port import Doc
from tests.simulation import domain
from tests.simulation.broker import Cluster, MemoryBroker
from tests.simulation.store import MemoryServer, MemoryStore

STREAM, PLACE = "gate:g", (domain.GATE.topic, 0)


def ways() -> Consumer:
    """Keeps whether the gate is open; of a closed one it keeps nothing."""
    consumer = Consumer("ways", kinds=(domain.GATE,), mode=Mode.KEEPS)

    @consumer.on(domain.GateOpened)
    def open_it(document: Doc | None, event: Any, record: Any) -> Doc:
        return {"opened": (document or {"opened": 0})["opened"] + 1}

    @consumer.on(domain.GateClosed)
    def give_it_up(document: Doc | None, event: Any, record: Any) -> None:
        return None

    return consumer


class Story:
    """A gate that was opened and closed, on a topic, and the live view of both."""

    def __init__(self) -> None:
        self.store, self.cluster = MemoryStore(MemoryServer()), Cluster()
        self.cluster.create(domain.GATE.topic, 1)

    async def happens(self) -> "Story":
        log = EventLog(MemoryStore(MemoryServer()), domain.AGGREGATES)
        for key, rule in (("1", domain.open_gate), ("2", domain.close_gate)):
            await log.decide(STREAM, rule, Command(key, key, "client", datetime(2026, 11, 23, tzinfo=UTC)))
            [commit] = (await log._store["commits"].get([f"{STREAM}@{key}"])).values()
            for out in records_of(domain.GATE, commit):
                self.cluster.append(PLACE, out.key, out.value, out.headers)
        await self.settle(self.records)
        return self

    @property
    def records(self) -> list[Incoming]:
        return self.cluster.everything(domain.GATE.topic)

    async def settle(self, records: list[Incoming]) -> None:
        await Shell(ways(), self.store).settle(records, self.cluster.id)

    async def rebuilt_from_half_a_topic(self) -> Rebuilt:
        """The topic is emptied, and the relay has come no further than the first record."""
        first = self.records[0]
        self.cluster.empty(new_id=False)
        self.cluster.append(PLACE, first.key, first.value, first.headers)
        return await Rebuild(ways(), self.store, MemoryBroker(self.cluster)).run()

    async def live(self) -> Doc:
        generation = await Generations(self.store).current("ways")
        return (await self.store["ways" if generation == 1 else f"ways.g{generation}"].get([STREAM]))[STREAM]


@pytest.fixture
async def story(monkeypatch: pytest.MonkeyPatch) -> Story:
    monkeypatch.setattr(rebuild, "CATCH_UPS", 2)
    monkeypatch.setattr(rebuild, "PAUSE", 0)
    return await Story().happens()


async def test_a_rebuild_from_a_topic_that_has_just_been_emptied_is_not_switched_in(story: Story) -> None:
    with pytest.raises(CannotRebuild, match="less than the live view has seen"):
        await story.rebuilt_from_half_a_topic()
    assert await Generations(story.store).current("ways") == 1
    assert (await story.live())["version"] == 2


async def test_but_for_the_versions_of_the_live_view_it_would_be(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody_is_behind(*_: Any) -> int:
        return 0

    monkeypatch.setattr(Rebuild, "_behind", nobody_is_behind)
    assert (await story.rebuilt_from_half_a_topic()).generation == 2
    assert (await story.live())["version"] == 1


async def test_a_document_that_its_consumer_gives_up_keeps_its_guard_so_that_nothing_is_applied_twice(
    story: Story,
) -> None:
    given_up = await story.live()
    assert given_up == {"_id": STREAM, "version": 2, "hash": given_up["hash"]}
    await story.settle(story.records)
    assert await story.live() == given_up
