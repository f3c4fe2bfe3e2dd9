"""From a citizen's request to the citizen's inbox."""

from tests.flows.client import after
from tests.flows.platform import Platform
from tests.flows.stories import an_application, opened


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
