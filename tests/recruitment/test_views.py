"""Public counts over the main view, on the embedded store."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from services.recruitment import views
from services.recruitment.domain import applications
from services.recruitment.domain.applications import Application
from services.recruitment.domain.calls import Call
from shared.contracts.base import Event, Private
from shared.contracts.recruitment import APPLICATION, Erased
from shared.eventlog.aggregate import Aggregate
from shared.eventlog.folded import forget
from shared.store.mongo import MongoStore
from shared.store.port import Doc
from tests.recruitment.builders import DURING, fold, open_call
from tests.support.servers import EmbeddedStore


@pytest.fixture
async def store(embedded_store: EmbeddedStore, fresh_name: str) -> AsyncIterator[MongoStore]:
    store = MongoStore.connect(embedded_store.uri, fresh_name)
    for keys in views.APPLICATIONS.indexes:
        await store["applications"].index(*keys)
    yield store
    await store.close()


def document(aggregate: Aggregate, stream: str, state: object) -> Doc:
    return {"_id": stream, "version": 1, "erased": getattr(state, "erased", False), "state": aggregate.encode(state)}


def citizen(number: int) -> str:
    return f"{number:032x}"


def application(number: int, sex: str, *more: Event) -> Application:
    sealed = Private.seal({"sex": sex}), Private.seal({"motive": "밤길"})
    events = applications.submit(None, open_call(), citizen(number), *sealed, DURING)
    after: Application | None = fold(applications.evolve, [*events, *more])
    assert after is not None
    return forget(after) if after.erased else after


async def put(store: MongoStore, *several: Application) -> None:
    streams = [APPLICATION.stream("c1", one.citizen) for one in several]
    await store["applications"].insert(
        [document(views.APPLICATIONS, s, one) for s, one in zip(streams, several, strict=True)]
    )


async def counted(store: MongoStore, call: Call | None = None) -> tuple[int | None, dict[str, int | None]]:
    counts = await views.public_counts(store, call or open_call())
    return counts.total, {cell.value: cell.count for cell in counts.cells}


async def test_counts_are_those_of_live_applications(store: MongoStore) -> None:
    women, men = (application(n, "female") for n in range(9)), (application(n, "male") for n in range(20, 26))
    await put(store, *women, *men)
    assert await counted(store) == (15, {"female": 9, "male": 6})


async def test_withdrawn_and_erased_applications_are_not_counted(store: MongoStore) -> None:
    await put(store, *(application(n, "female") for n in range(9)), *(application(n, "male") for n in range(20, 26)))
    withdrawn = applications.withdraw(application(30, "male"), open_call(), DURING)
    await put(store, application(30, "male", *withdrawn), application(31, "female", Erased()))
    assert await counted(store) == (15, {"female": 9, "male": 6})


async def test_small_counts_are_not_shown(store: MongoStore) -> None:
    await put(store, *(application(n, "female") for n in range(9)), application(20, "male"))
    assert await counted(store) == (10, {"female": None, "male": None})


async def test_the_total_is_the_sum_of_the_cells_while_people_apply(store: MongoStore) -> None:
    await put(store, *(application(n, "female") for n in range(5)), *(application(n, "male") for n in range(5, 10)))

    async def people_apply() -> None:
        for number in range(10, 210):
            await put(store, application(number, "female"))

    applying = asyncio.create_task(people_apply())
    seen = []
    while not applying.done():
        seen.append(await counted(store))
    await applying
    assert [(total, cells) for total, cells in seen if total != sum(n or 0 for n in cells.values())] == []
    assert await counted(store) == (210, {"female": 205, "male": 5})


async def test_a_call_without_applications_shows_no_count(store: MongoStore) -> None:
    assert await counted(store) == (None, {"female": None, "male": None})
