"""The inbox, rebuilt from the topic while people use it: the same entries, and new ones still come."""

import pytest

from services.notifications.consumers import inbox
from shared.broker.kafka import KafkaBroker
from shared.broker.port import Outgoing
from shared.consumption.rebuild import Rebuild
from tests.flows.platform import Platform, eventually
from tests.flows.stories import an_application, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_rebuilt_inbox_equals_the_live_one_and_goes_on(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    path = f"/calls/{call_id}/applications"
    people = [platform.citizen() for _ in range(12)]
    for number, person in enumerate(people):
        await person.post(path, an_application())
        if number % 3 == 0:
            await person.post(f"{path}/mine/withdraw")
    before = [
        await eventually(lambda p=p: platform.inbox(p), lambda entries, n=n: len(entries) == (2 if n % 3 == 0 else 1))
        for n, p in enumerate(people)
    ]
    broker = KafkaBroker(platform.settings.broker, idempotent=False)
    try:
        rebuilt = await Rebuild(inbox, platform.apps[1].runtime.store, broker).run()
    finally:
        await broker.close()
    assert rebuilt.equal
    assert rebuilt.documents == 16
    assert [await platform.inbox(person) for person in people] == before
    late = platform.citizen()
    await late.post(path, an_application())
    assert len(await eventually(lambda: platform.inbox(late), bool)) == 1


async def test_everything_published_once_more_changes_no_inbox(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    path = f"/calls/{call_id}/applications"
    people = [platform.citizen() for _ in range(6)]
    for person in people:
        await person.post(path, an_application())
    before = [await eventually(lambda p=p: platform.inbox(p), bool) for p in people]
    broker = KafkaBroker(platform.settings.broker, idempotent=False)
    try:
        sender = await broker.sender()
        async for records in broker.read("hamkke.recruitment.application"):
            await sender.send([Outgoing(r.topic, r.key or b"", r.value or b"", list(r.headers)) for r in records])
        await sender.close()
    finally:
        await broker.close()
    late = platform.citizen()
    receipt = (await late.post(path, an_application())).json()
    assert receipt["version"] == 1
    assert len(await eventually(lambda: platform.inbox(late), bool)) == 1
    assert [await platform.inbox(person) for person in people] == before
