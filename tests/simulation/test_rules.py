"""Rules that others cover so well that no schedule misses them, each by the smallest story that would."""

from random import Random
from typing import Any

import pytest

from shared.consumption.effects import Effects
from shared.consumption.shell import Shell
from shared.follower.checkpoint import Checkpoint
from shared.follower.lease import LeaseLost
from shared.store.port import StoreAway
from tests.simulation import domain
from tests.simulation.processes import board
from tests.simulation.store import MemoryServer, MemoryStore
from tests.simulation.test_found import board_cluster, topic_with
from tests.simulation.world import forged


async def test_a_stale_owner_does_not_move_the_checkpoint() -> None:
    """Its epoch is in the filter, and whoever takes over writes a later one before reading (protocol.md F2)."""
    checkpoints = MemoryStore(MemoryServer())["checkpoints"]
    stale, owner = Checkpoint(checkpoints, "relay"), Checkpoint(checkpoints, "relay")
    await stale.take_over(1)
    stale.move(token={"at": 9})
    assert (await owner.take_over(2))["token"] is None
    with pytest.raises(LeaseLost):
        await stale.write()
    owner.move(token={"at": 5})
    await owner.write()
    with pytest.raises(LeaseLost):
        await stale.take_over(1)
    assert (await checkpoints.get(["relay"]))["relay"] == {"_id": "relay", "epoch": 2, "token": {"at": 5}, "at": None}


async def test_what_is_dead_or_waits_is_written_down_before_a_guard_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the guard is past a forged record's version, the record is a duplicate, and nobody is alarmed (C2)."""

    async def away(*_: Any) -> bool:
        raise StoreAway

    cluster, store = board_cluster(), MemoryStore(MemoryServer())
    await topic_with(cluster, 1, 3)
    cluster.append((domain.GATE.topic, 0), *forged("forged-next", "gate:g", 0, Random(1)))
    monkeypatch.setattr(Effects, "write", away)
    with pytest.raises(StoreAway):
        await Shell(board(), store).settle(cluster.everything(domain.GATE.topic), cluster.id)
    assert await store["board"].find({}) == []
    assert [(d["offset"], d["reason"]) for d in await store["dead"].find({})] == [(2, "history does not match")]
    assert [(d["offset"], d["version"]) for d in await store["parked"].find({})] == [(1, 3)]
