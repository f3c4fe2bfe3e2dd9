"""Store or broker away: what is refused, what goes on, and what arrives later."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.local import topics
from tests.flows.client import Client, after, uuid7
from tests.flows.platform import Platform, a_platform, eventually
from tests.flows.stories import an_application, opened
from tests.support.servers import EmbeddedBroker, EmbeddedStore


@pytest.fixture
async def fragile(tmp_path: Path, own_store: EmbeddedStore, own_broker: EmbeddedBroker) -> AsyncIterator[Platform]:
    """A platform whose store and broker may be killed."""
    await topics.apply(own_broker.bootstrap, partitions=3)
    async with a_platform(tmp_path / "home", own_store.uri, own_broker.bootstrap) as platform:
        await platform.ready()
        yield platform


async def test_with_the_store_away_commands_are_refused_and_nothing_is_half_done(
    fragile: Platform, own_store: EmbeddedStore
) -> None:
    call_id = await opened(fragile.operator())
    person, key = fragile.citizen(), uuid7()
    path = f"/calls/{call_id}/applications"
    own_store.kill()
    away = await person.post(path, an_application(), key=key)
    assert away.status_code == 503
    assert away.headers["retry-after"]
    assert away.headers["content-type"] == "application/problem+json"
    assert (await fragile.recruitment.get("/health/ready")).status_code == 503
    assert (await fragile.recruitment.get("/health/live")).status_code == 200

    own_store.start()
    back = await eventually(
        lambda: person.post(path, an_application(), key=key), lambda answer: answer.status_code != 503
    )
    assert (back.status_code, back.json()["version"]) == (201, 1)
    entries = await eventually(lambda: fragile.inbox(person), bool)
    assert len(entries) == 1
    await fragile.ready()


async def test_with_the_broker_away_commands_go_on_and_arrive_later(
    fragile: Platform, own_broker: EmbeddedBroker
) -> None:
    call_id = await opened(fragile.operator())
    before, during, later = fragile.citizen(), fragile.citizen(), fragile.citizen()
    path = f"/calls/{call_id}/applications"
    receipt = (await before.post(path, an_application())).json()
    assert len(await fragile.inbox(before, after=after(receipt))) == 1
    own_broker.kill()
    answer = await during.post(path, an_application())
    assert answer.status_code == 201
    counted = await fragile.operator().get(path, after=after(answer.json()))
    assert len(counted.json()["items"]) == 2, "own views go on"
    assert await fragile.inbox(during) == []

    own_broker.start()  # it has forgotten everything, and is another cluster
    await topics.apply(own_broker.bootstrap, partitions=3)
    assert (await later.post(path, an_application())).status_code == 201
    for person in (before, during, later):
        assert len(await eventually(lambda person=person: fragile.inbox(person), bool, 60)) == 1


async def test_a_command_that_the_store_cannot_answer_may_be_sent_again_without_doubt(
    fragile: Platform, own_store: EmbeddedStore
) -> None:
    """Killed between request and answer, as often as it takes: each key is one application."""
    call_id = await opened(fragile.operator())
    path = f"/calls/{call_id}/applications"
    people = [(fragile.citizen(), uuid7()) for _ in range(6)]
    for number, (person, key) in enumerate(people):
        if number % 3 == 1:
            own_store.kill()
        answer = await person.post(path, an_application(), key=key)
        assert answer.status_code in (201, 503)
        if number % 3 == 1:
            own_store.start()
    for person, key in people:
        answer = await eventually(lambda p=person, k=key: again(p, path, k), lambda found: found[0] != 503)
        assert answer == (201, 1)


async def again(person: Client, path: str, key: str) -> tuple[int, int]:
    answer = await person.post(path, an_application(), key=key)
    return answer.status_code, answer.json().get("version", 0)
