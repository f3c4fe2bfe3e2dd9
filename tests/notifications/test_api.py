"""The inbox over HTTP: the own entries, newest last, in pages."""

import pytest

from shared.http.roles import Role
from tests.flows.client import Client, after
from tests.flows.platform import Platform
from tests.flows.stories import an_application, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def with_three_entries(platform: Platform) -> Client:
    call_id = await opened(platform.operator())
    person = platform.citizen()
    path = f"/calls/{call_id}/applications"
    await person.post(path, an_application())
    await person.post(f"{path}/mine/withdraw")
    receipt = (await person.post(path, an_application())).json()
    await platform.inbox(person, after=after(receipt))
    return person.at(platform.notifications)


async def test_the_inbox_comes_in_pages_that_meet(platform: Platform) -> None:
    person = await with_three_entries(platform)
    first = (await person.get("/inbox", limit=2)).json()
    beyond = {"limit": 2, "after": first["next"]}
    second = (await platform.notifications.get("/inbox", params=beyond, headers=person.headers)).json()
    entries = first["items"] + second["items"]
    assert [entry["template"] for entry in entries] == [
        "application-received.1",
        "application-withdrawn.1",
        "application-received.1",
    ]
    assert len({entry["id"] for entry in entries}) == 3
    assert second["next"] is None


async def test_nobody_reads_the_inbox_of_another(platform: Platform) -> None:
    person = await with_three_entries(platform)
    for role in Role:
        other = Client(platform.notifications, platform.settings, role)
        assert (await other.get("/inbox")).json()["items"] == []
    first = (await person.get("/inbox", limit=1)).json()
    stolen = {"after": first["next"]}
    other = Client(platform.notifications, platform.settings, Role.CITIZEN)
    answer = await platform.notifications.get("/inbox", params=stolen, headers=other.headers)
    assert answer.json()["items"] == []


async def test_read_after_tells_nobody_who_has_applied(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person = platform.citizen()
    stream = after((await person.post(f"/calls/{call_id}/applications", an_application())).json())
    assert len(await platform.inbox(person, after=stream)) == 1
    stranger = platform.citizen().at(platform.notifications)
    unknown = f"application:{call_id}:{'f' * 32}@1"
    answers = [await stranger.get("/inbox", after=asked, patient=False) for asked in (stream, unknown)]
    assert [answer.status_code for answer in answers] == [503, 503]


@pytest.mark.parametrize("limit", ["0", "-1", "201", "x", "1e2", "٣", "1" * 40])
async def test_a_limit_is_a_number_of_a_sensible_size(platform: Platform, limit: str) -> None:
    assert (await platform.citizen().at(platform.notifications).get("/inbox", limit=limit)).status_code == 400


@pytest.mark.parametrize("header", ["x", "application:c1@0", "application:c1", "application:c1@-1", "@1", "a" * 500])
async def test_a_malformed_read_after_is_refused(platform: Platform, header: str) -> None:
    answer = await platform.citizen().at(platform.notifications).get("/inbox", after=header)
    assert answer.status_code == 400


async def test_what_has_not_come_yet_is_answered_with_not_yet(platform: Platform) -> None:
    answer = (
        await platform.citizen().at(platform.notifications).get("/inbox", after="application:c1:x@1", patient=False)
    )
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
