"""A real store that is killed and comes back: StoreAway, and afterwards everything as confirmed."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shared.store import mongo
from shared.store.mongo import MongoStore
from shared.store.port import StoreAway
from tests.support.servers import EmbeddedStore


@contextmanager
def impatient() -> Iterator[None]:
    """While the store is dead; what is healthy has its whole time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mongo, "DEADLINE", 1.0)
        yield


async def test_a_store_that_is_away_says_so_and_is_used_again_when_it_is_back(own_store: EmbeddedStore) -> None:
    store = MongoStore.connect(own_store.uri, "away")
    notes = store["notes"]
    await notes.insert([{"_id": "1"}])
    stream = await notes.watch()
    await notes.insert([{"_id": "2"}])
    assert [doc["_id"] for doc in await stream.batch(1)] == ["2"]
    token = stream.token
    await notes.insert([{"_id": "3"}])
    own_store.kill()
    with pytest.raises(StoreAway):
        await stream.batch(1)
    for verb in (
        lambda: notes.insert([{"_id": "lost"}]),
        lambda: notes.get(["1"]),
        lambda: notes.get(["1", "2"]),
        lambda: notes.find({"v": 1}),
        lambda: notes.replace([({"_id": "1"}, {"_id": "1", "v": 1})]),
        lambda: notes.update({"_id": "1"}, {"$set": {"v": 1}}),
        lambda: notes.watch(token),
        lambda: store.clock_skew(),
        lambda: anext(notes.scan()),
        lambda: notes.index("v"),
    ):
        with impatient(), pytest.raises(StoreAway):
            await verb()
    await stream.close()
    own_store.start()
    async with asyncio.timeout(60):
        while True:
            try:
                assert set(await notes.get(["1", "2", "3", "lost"])) == {"1", "2", "3"}
                break
            except StoreAway:
                await asyncio.sleep(0.1)
    again = await notes.watch(token)
    await notes.insert([{"_id": "4"}])
    seen: list[str] = []
    while len(seen) < 2:
        seen += [doc["_id"] for doc in await again.batch(2)]
    assert seen == ["3", "4"]
    await again.close()
    await store.close()


async def test_a_store_that_does_not_answer_is_away_after_the_deadline(own_store: EmbeddedStore) -> None:
    store = MongoStore.connect(own_store.uri, "silent")
    notes = store["notes"]
    await notes.insert([{"_id": "1"}])
    own_store.signal(signal.SIGSTOP)
    started = asyncio.get_running_loop().time()
    with impatient(), pytest.raises(StoreAway):
        await notes.insert([{"_id": "2"}])
    assert asyncio.get_running_loop().time() - started < 10
    own_store.signal(signal.SIGCONT)
    async with asyncio.timeout(60):
        while True:
            try:
                await notes.insert([{"_id": "2"}])  # the same document again: stored or a duplicate
                break
            except StoreAway:
                await asyncio.sleep(0.1)
    assert set(await notes.get(["1", "2"])) == {"1", "2"}
    await store.close()
