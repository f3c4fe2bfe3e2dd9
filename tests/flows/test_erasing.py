"""A person who asks to be forgotten: private parts go everywhere, the inbox is shut, the chain stays whole."""

from datetime import UTC, datetime

import pytest

from shared.command import Command
from shared.eventlog.erasing import erase
from tests.flows.client import after
from tests.flows.platform import Platform, eventually
from tests.flows.stories import an_application, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_erased_person_leaves_no_answer_and_no_message(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person = platform.citizen()
    path = f"/calls/{call_id}/applications"
    receipt = (await person.post(path, an_application())).json()
    assert await platform.inbox(person, after=after(receipt))
    runtime = platform.apps[0].runtime
    command = Command(id="erase-1", hash="0", actor="gateway", time=datetime.now(UTC))
    assert await erase(runtime.store, runtime.log, person.ref, command) == [receipt["stream"]]

    assert (await person.get(f"{path}/mine")).status_code == 404
    assert (await person.post(path, an_application())).status_code == 404
    assert (await person.post(f"{path}/mine/withdraw")).status_code == 404
    await eventually(lambda: platform.inbox(person), lambda entries: entries == [])
    listed = (await platform.operator().get(path, after=f"{receipt['stream']}@2")).json()["items"]
    assert [(one["erased"], one["status"]) for one in listed] == [(True, "SUBMITTED")]
    for name in ("commits", "applications"):
        async for documents in runtime.store[name].scan():
            assert "어둡습니다" not in str(documents), name
