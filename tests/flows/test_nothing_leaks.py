"""Contact data and free text, planted where people might write them, are nowhere but in the private parts they belong to."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pymongo import AsyncMongoClient

from deploy.local import topics
from shared.broker.kafka import KafkaBroker
from shared.http.roles import Role
from shared.settings import Settings
from tests.flows.client import Client, after
from tests.flows.platform import eventually, settings_for
from tests.flows.served import served
from tests.flows.stories import a_call, an_application, opened
from tests.support.servers import EmbeddedBroker, EmbeddedStore

MAIL, PHONE, WORDS = "planted+001@example.invalid", "010-0000-0001", "심어둔 자유 서술"
PLANTED = [MAIL, PHONE, WORDS, "planted+001", "%EC%8B%AC%EC%96%B4%EB%91%94", "planted%2B001"]


async def people_write_what_they_should_not(urls: dict[str, str], settings: Settings) -> None:
    async with (
        httpx.AsyncClient(base_url=urls["recruitment"]) as recruitment,
        httpx.AsyncClient(base_url=urls["notifications"]) as notifications,
    ):
        operator = Client(recruitment, settings, Role.PROGRAM_OPERATOR)
        await operator.post("/calls", a_call(title={"ko": WORDS}, question={"ko": f"{MAIL} {PHONE}"}))
        call_id = await opened(operator)
        path = f"/calls/{call_id}/applications"
        for number in range(5):
            person = Client(recruitment, settings, Role.CITIZEN)
            said = {"correlation-id": MAIL, "traceparent": PHONE, "user-agent": MAIL, "x-forwarded-for": MAIL}
            answers = {"contact": f"{MAIL} {PHONE}", "motive": f"{WORDS} {number}"}
            receipt = (await person.post(path, an_application(answers=answers), **said)).json()
            await person.post(f"{path}/mine/withdraw", **said)
            await person.post(path, an_application(answers=answers))
            await person.get(f"{path}/{MAIL}")
            await person.get(f"/calls/{WORDS}")
            await person.get(f"/calls?after={MAIL}&who={PHONE}")
            await person.post(path, {"attributes": {"sex": MAIL}, "answers": {MAIL: PHONE}})
            await person.post(path, {"attributes": {MAIL: WORDS}})
            await person.post("/calls", a_call(title={"ko": WORDS, "en": MAIL}))
            inbox = person.at(notifications)
            three = f"{receipt['stream']}@3"
            await eventually(
                lambda i=inbox, t=three: i.get("/inbox", after=t), lambda answer: answer.status_code == 200
            )
            await inbox.get(f"/inbox?after={PHONE}")
        assert after(receipt)


async def on_the_topics(broker: list[str]) -> AsyncIterator[str]:
    kafka = KafkaBroker(broker, idempotent=False)
    try:
        for topic in topics.names():
            async for records in kafka.read(topic):
                for record in records:
                    yield f"{record.key!r} {record.headers!r} {(record.value or b'').decode()}"
    finally:
        await kafka.close()


async def in_the_stores(settings: Settings) -> dict[str, str]:
    """What each collection of each service holds, in words."""
    async with AsyncMongoClient(settings.store_uri) as client:
        found = {}
        for service in ("recruitment", "notifications"):
            database = client[settings.database(service)]
            for name in await database.list_collection_names():
                found[f"{service}.{name}"] = str(await database[name].find().to_list())
        return found


def hits(text: str) -> list[str]:
    return [planted for planted in PLANTED if planted in text]


@pytest.mark.timeout(200)
def test_what_people_write_stays_in_the_private_parts(
    tmp_path: Path, own_store: EmbeddedStore, own_broker: EmbeddedBroker
) -> None:
    asyncio.run(topics.apply(own_broker.bootstrap, partitions=1))
    settings = settings_for(tmp_path / "home", own_store.uri, own_broker.bootstrap)
    with served(settings, tmp_path / "log") as urls:
        asyncio.run(people_write_what_they_should_not(urls, settings))
        metrics = "".join(httpx.get(f"{url}/metrics").text for url in urls.values())
    records = asyncio.run(_all(on_the_topics(own_broker.bootstrap)))
    stores = asyncio.run(in_the_stores(settings))

    assert len(records) >= 15
    assert [hit for record in records for hit in hits(record)] == []
    assert hits(metrics) == []
    log = (tmp_path / "log").read_text()
    assert "/calls/{call_id}/applications" in log, "requests are logged, by route"
    assert hits(log) == []
    assert {name for name, held in stores.items() if hits(held)} == {
        "recruitment.commits",
        "recruitment.applications",
        "recruitment.calls",
    }
    assert WORDS in stores["recruitment.commits"], "it can be found where it belongs"


async def _all(records: AsyncIterator[str]) -> list[str]:
    return [record async for record in records]
