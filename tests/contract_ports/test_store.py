"""The store's promises, held by every store alike."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from shared.store.mongo import MongoStore
from shared.store.port import Collection, Store, StreamLost
from tests.simulation.store import MemoryServer, MemoryStore


@pytest.fixture(params=["memory", "embedded", pytest.param("mongodb", marks=pytest.mark.docker)])
async def store(request: pytest.FixtureRequest, fresh_name: str) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(MemoryServer())
        return
    embedded = request.param == "embedded"
    uri = request.getfixturevalue("embedded_store").uri if embedded else request.getfixturevalue("mongodb_uri")
    made = MongoStore.connect(uri, fresh_name)
    yield made
    await made.close()


@pytest.fixture
async def notes(store: Store) -> Collection:
    return store["notes"]


async def test_an_insert_says_of_each_document_whether_it_is_stored(notes: Collection) -> None:
    assert await notes.insert([{"_id": "a"}, {"_id": "b"}]) == [True, True]
    assert await notes.insert([{"_id": "b", "v": 2}, {"_id": "c"}, {"_id": "a"}]) == [False, True, False]
    assert await notes.insert([]) == []
    assert await notes.get(["a", "b", "c", "d"]) == {"a": {"_id": "a"}, "b": {"_id": "b"}, "c": {"_id": "c"}}


async def test_the_same_id_twice_in_one_insert_is_stored_once(notes: Collection) -> None:
    assert await notes.insert([{"_id": "a", "v": 1}, {"_id": "a", "v": 2}]) == [True, False]
    assert await notes.get(["a"]) == {"a": {"_id": "a", "v": 1}}


async def test_many_documents_go_in_and_come_out(notes: Collection) -> None:
    docs = [{"_id": f"{n:04}", "text": "x" * 6_000} for n in range(1100)]
    assert all(await notes.insert(docs))
    found = await notes.get([doc["_id"] for doc in docs])
    assert len(found) == 1100
    seen = [doc async for batch in notes.scan() for doc in batch]
    assert sorted(doc["_id"] for doc in seen) == [doc["_id"] for doc in docs]


async def test_what_was_given_is_not_changed_nor_kept(notes: Collection) -> None:
    doc = {"_id": "a", "in": {"list": [1, 2]}}
    await notes.insert([doc])
    doc["in"]["list"].append(3)
    found = (await notes.get(["a"]))["a"]
    assert found == {"_id": "a", "in": {"list": [1, 2]}}
    found["in"]["list"].append(3)
    assert (await notes.get(["a"]))["a"] == {"_id": "a", "in": {"list": [1, 2]}}


async def test_fields_can_be_chosen_or_left_out(notes: Collection) -> None:
    await notes.insert([{"_id": "a", "x": 1, "y": {"p": 2, "q": 3}}])
    assert await notes.get(["a"], fields=["x"]) == {"a": {"_id": "a", "x": 1}}
    assert await notes.get(["a"], fields=["y.p"]) == {"a": {"_id": "a", "y": {"p": 2}}}
    assert await notes.get(["a"], without=["y"]) == {"a": {"_id": "a", "x": 1}}
    assert [batch async for batch in notes.scan(without=["x", "y"])] == [[{"_id": "a"}]]


async def test_find_filters_sorts_and_limits(notes: Collection) -> None:
    await notes.insert([{"_id": str(n), "n": n, "in": {"even": n % 2 == 0}} for n in range(10)])
    assert [d["n"] for d in await notes.find({"in.even": True}, sort=[("n", -1)], limit=2)] == [8, 6]
    assert [d["n"] for d in await notes.find({"n": {"$gt": 2, "$lt": 5}}, sort=[("n", 1)])] == [3, 4]
    assert [d["n"] for d in await notes.find({"n": {"$in": [1, 7, 12]}}, sort=[("n", 1)])] == [1, 7]
    assert await notes.find({"in.even": False}, sort=[("n", 1)], limit=1, fields=["in.even"]) == [
        {"_id": "1", "in": {"even": False}}
    ]
    assert await notes.find({"missing": None, "n": 3}) == [{"_id": "3", "n": 3, "in": {"even": False}}]
    assert [d async for b in notes.scan({"n": {"$gt": 8}}) for d in b] == [{"_id": "9", "n": 9, "in": {"even": False}}]


async def test_replace_compares_and_sets(notes: Collection) -> None:
    await notes.insert([{"_id": "a", "v": 1}, {"_id": "b", "v": 1}])
    writes = [({"_id": "a", "v": 1}, {"_id": "a", "v": 2}), ({"_id": "b", "v": 7}, {"_id": "b", "v": 8})]
    assert await notes.replace([*writes, ({"_id": "c", "v": 1}, {"_id": "c", "v": 2})]) == 1
    assert await notes.get(["a", "b", "c"]) == {"a": {"_id": "a", "v": 2}, "b": {"_id": "b", "v": 1}}
    assert await notes.replace([]) == 0
    older = [({"_id": "a", "v": {"$lt": 5}}, {"_id": "a", "v": 5})]
    assert await notes.replace(older) == 1
    assert await notes.replace(older) == 0


async def test_only_one_of_two_compares_wins(notes: Collection) -> None:
    await notes.insert([{"_id": "a", "v": 0}])
    counts = await asyncio.gather(
        *(notes.replace([({"_id": "a", "v": 0}, {"_id": "a", "v": 1, "by": n})]) for n in range(8))
    )
    assert sorted(counts) == [0] * 7 + [1]


async def test_update_sets_unsets_and_upserts(notes: Collection) -> None:
    await notes.insert([{"_id": "a", "k": 1, "private": {"x": 1, "y": 2}}, {"_id": "b", "k": 1}])
    assert await notes.update({"k": 1}, {"$set": {"k": 2, "in.side": True}, "$unset": {"private.x": ""}}) == 2
    assert await notes.get(["a", "b"]) == {
        "a": {"_id": "a", "k": 2, "private": {"y": 2}, "in": {"side": True}},
        "b": {"_id": "b", "k": 2, "in": {"side": True}},
    }
    assert await notes.update({"_id": "z"}, {"$set": {"k": 1}}) == 0
    assert await notes.update({"_id": "z"}, {"$set": {"k": 1}}, upsert=True) == 1
    assert await notes.update({"_id": "z"}, {"$set": {"k": 3}}, upsert=True) == 1
    assert await notes.get(["z"]) == {"z": {"_id": "z", "k": 3}}
    upserts = (notes.update({"_id": "new"}, {"$set": {"k": n}}, upsert=True) for n in range(8))
    assert await asyncio.gather(*upserts) == [1] * 8


async def test_a_unique_index_refuses_the_second(notes: Collection) -> None:
    await notes.index("place", unique=True, partial={"place": {"$gt": 0}})
    assert await notes.insert([{"_id": "a", "place": 1}, {"_id": "b"}, {"_id": "c"}]) == [True, True, True]
    assert await notes.insert([{"_id": "d", "place": 1}, {"_id": "e", "place": 2}]) == [False, True]


async def test_a_dropped_collection_is_empty(notes: Collection) -> None:
    await notes.insert([{"_id": "a"}])
    await notes.drop()
    assert [batch async for batch in notes.scan()] == []
    assert await notes.insert([{"_id": "a"}]) == [True]


async def test_a_change_stream_brings_inserts_in_order_and_nothing_else(store: Store, notes: Collection) -> None:
    await notes.insert([{"_id": "before"}])
    stream = await notes.watch()
    assert await stream.batch(0.05) == []
    await notes.insert([{"_id": "1", "v": 1}])
    await store["others"].insert([{"_id": "x"}])
    await notes.update({"_id": "1"}, {"$set": {"v": 9}})
    await notes.insert([{"_id": "2"}])
    seen = []
    while len(seen) < 2:
        seen += await stream.batch(2)
    assert [doc["_id"] for doc in seen] == ["1", "2"]
    assert await stream.batch(0.05) == []
    await stream.close()


async def test_a_change_stream_resumes_right_behind_what_was_read(notes: Collection) -> None:
    stream = await notes.watch()
    at_start = stream.token
    await notes.insert([{"_id": "1"}])
    assert [doc["_id"] for doc in await stream.batch(2)] == ["1"]
    behind = stream.token
    assert json.loads(json.dumps(behind)) == behind
    await notes.insert([{"_id": "2"}, {"_id": "3"}])
    await stream.close()
    for token, expected in ((at_start, ["1", "2", "3"]), (behind, ["2", "3"])):
        again = await notes.watch(token)
        assert again.token == token
        seen: list[str] = []
        while len(seen) < len(expected):
            seen += [doc["_id"] for doc in await again.batch(2)]
        assert seen == expected
        await again.close()


async def test_a_change_stream_loses_nothing_of_a_long_backlog_beside_other_writes(
    store: Store, notes: Collection
) -> None:
    stream = await notes.watch()
    for n in range(0, 1200, 60):
        await notes.insert([{"_id": f"{k:04}"} for k in range(n, n + 60)])
        await store["others"].insert([{"_id": f"{k:04}"} for k in range(n, n + 60)])
    token, seen = stream.token, []
    await stream.close()
    while len(seen) < 1200:  # opened anew again and again, as after crashes
        stream = await notes.watch(token)
        seen += [doc["_id"] for doc in await stream.batch(2)]
        token = stream.token
        await stream.close()
    assert seen == [f"{k:04}" for k in range(1200)]


async def test_a_token_that_means_nothing_here_is_a_lost_stream(notes: Collection) -> None:
    await notes.insert([{"_id": "1"}])
    with pytest.raises(StreamLost):
        await notes.watch({"_data": "00" * 12})


async def test_the_clock_of_the_store_is_known(store: Store) -> None:
    assert abs(await store.clock_skew()) < 5
