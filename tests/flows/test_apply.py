"""From a citizen's request to the citizen's inbox."""

import asyncio

import pytest

from tests.flows.client import after, uuid7
from tests.flows.platform import Platform, eventually
from tests.flows.stories import an_application, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_who_applies_finds_the_receipt_in_the_inbox(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person = platform.citizen()
    answer = await person.post(f"/calls/{call_id}/applications", an_application())
    assert answer.status_code == 201, answer.text
    assert answer.headers["etag"] == '"1"'
    (entry,) = await platform.inbox(person, after=after(answer.json()))
    number = (await person.get(f"/calls/{call_id}/applications/mine")).json()["number"]
    assert entry["template"] == "application-received.1"
    assert number in entry["ko"]
    assert number in entry["en"]
    assert await platform.inbox(platform.citizen()) == []


async def test_twenty_simultaneous_requests_of_one_person_make_one_application(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person = platform.citizen()
    answers = await asyncio.gather(
        *(person.post(f"/calls/{call_id}/applications", an_application()) for _ in range(20))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.json()["version"] for answer in answers} == {1}
    assert len({answer.text for answer in answers}) == 1
    assert len(await platform.inbox(person, after=after(answers[0].json()))) == 1


async def test_applying_withdrawing_and_applying_again_are_three_messages_in_order(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person = platform.citizen()
    await person.post(f"/calls/{call_id}/applications", an_application())
    withdrawn = await person.post(f"/calls/{call_id}/applications/mine/withdraw")
    assert withdrawn.status_code == 200, withdrawn.text
    again = await person.post(f"/calls/{call_id}/applications", an_application())
    assert again.json()["version"] == 3
    entries = await platform.inbox(person, after=after(again.json()))
    assert [entry["template"].partition(".")[0] for entry in entries] == [
        "application-received",
        "application-withdrawn",
        "application-received",
    ]


async def test_a_repeat_of_the_same_command_is_answered_as_the_first_time(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person, key = platform.citizen(), uuid7()
    path = f"/calls/{call_id}/applications"
    first = await person.post(path, an_application(), key=key)
    await person.post(f"{path}/mine/withdraw")
    again = await person.post(path, an_application(), key=key)
    assert (again.status_code, again.text, again.headers["etag"]) == (201, first.text, first.headers["etag"])
    assert (await person.get(f"{path}/mine")).json()["status"] == "WITHDRAWN"


async def test_the_public_count_follows_the_applications(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    for number in range(12):
        sex = "female" if number % 2 else "male"
        answer = await platform.citizen().post(
            f"/calls/{call_id}/applications", an_application(attributes={"sex": sex})
        )
    counts = await platform.operator().get(f"/calls/{call_id}/counts", after=after(answer.json()))
    assert counts.json()["total"] == 12
    assert {cell["value"]: cell["count"] for cell in counts.json()["cells"]} == {"female": 6, "male": 6}


async def test_a_list_waits_until_it_shows_what_one_has_just_written(platform: Platform) -> None:
    operator = platform.operator()
    call_id = await opened(operator)
    receipt = (await platform.citizen().post(f"/calls/{call_id}/applications", an_application())).json()
    listed = await operator.get(f"/calls/{call_id}/applications", after=after(receipt))
    assert [one["citizen"] for one in listed.json()["items"]] == [receipt["stream"].rpartition(":")[2]]
    future = await operator.get(f"/calls/{call_id}/applications", after=f"{receipt['stream']}@9", patient=False)
    assert future.status_code == 503
    assert future.headers["retry-after"]


async def test_all_of_a_crowd_is_told(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    crowd = [platform.citizen() for _ in range(100)]
    answers = await asyncio.gather(*(one.post(f"/calls/{call_id}/applications", an_application()) for one in crowd))
    assert {answer.status_code for answer in answers} == {201}
    for person in crowd:
        await eventually(lambda person=person: platform.inbox(person), lambda entries: len(entries) == 1)
