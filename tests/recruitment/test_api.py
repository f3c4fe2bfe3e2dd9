"""Recruitment over HTTP: what is answered, and to whom."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.http.roles import Role
from shared.moments import text
from tests.flows.client import Client, after, uuid7
from tests.flows.platform import Platform
from tests.flows.stories import a_call, an_application, drafted, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")
UNKNOWN = "f" * 32


async def test_a_drafted_call_is_seen_by_operators_only(platform: Platform) -> None:
    operator = platform.operator()
    call_id = await drafted(operator)
    seen = await operator.get(f"/calls/{call_id}")
    assert (seen.json()["status"], seen.headers["etag"]) == ("DRAFT", '"1"')
    assert (await platform.visitor().get(f"/calls/{call_id}")).status_code == 404
    assert (await platform.citizen().get(f"/calls/{call_id}")).status_code == 404
    assert (await platform.visitor().get(f"/calls/{call_id}/counts")).status_code == 404
    published = await operator.get("/calls", after=f"call:{call_id}@1", limit=200)
    assert call_id not in [call["id"] for call in published.json()["items"]]


async def test_read_after_tells_nobody_of_a_draft(platform: Platform) -> None:
    operator = platform.operator()
    stream = f"call:{await drafted(operator)}@1"
    assert (await operator.get("/calls", after=stream)).status_code == 200
    for person in (platform.visitor(), platform.citizen()):
        answers = [await person.get("/calls", after=asked, patient=False) for asked in (stream, f"call:{UNKNOWN}@1")]
        assert [answer.status_code for answer in answers] == [503, 503]


async def test_read_after_tells_nobody_who_has_applied(platform: Platform) -> None:
    call_id, other_call = await opened(platform.operator()), await opened(platform.operator())
    person = platform.citizen()
    stream = after((await person.post(f"/calls/{call_id}/applications", an_application())).json())
    counts = f"/calls/{call_id}/counts"
    assert (await person.get(counts, after=stream)).status_code == 200
    assert (await platform.operator().get(counts, after=stream)).status_code == 200
    unknown = f"application:{call_id}:{UNKNOWN}@1"
    for stranger in (platform.visitor(), platform.citizen()):
        answers = [await stranger.get(counts, after=asked, patient=False) for asked in (stream, unknown)]
        assert [answer.status_code for answer in answers] == [503, 503]
    elsewhere = await person.get(f"/calls/{other_call}/counts", after=stream, patient=False)
    assert elsewhere.status_code == 503, "these counts never show it"


async def test_a_published_call_is_seen_by_everyone(platform: Platform) -> None:
    operator = platform.operator()
    call_id = await drafted(operator)
    receipt = (await operator.post(f"/calls/{call_id}/publish", version=1)).json()
    seen = await platform.visitor().get(f"/calls/{call_id}")
    assert seen.status_code == 200
    assert seen.json()["title"]["ko"] == "온새미길 시민참여단 모집"
    assert seen.json()["selection"] == "LOTTERY"
    listed = await platform.visitor().get("/calls", after=after(receipt), limit=200)
    assert call_id in [call["id"] for call in listed.json()["items"]]


async def test_a_call_that_one_knows_already_is_not_sent_again(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    answer = await platform.recruitment.get(f"/calls/{call_id}", headers={"if-none-match": '"3"'})
    assert answer.status_code == 304


async def test_a_call_runs_from_draft_to_closing_and_opens_again(platform: Platform) -> None:
    operator = platform.operator()
    call_id = await opened(operator)
    early = await operator.post(f"/calls/{call_id}/close", version=3)
    assert (early.status_code, early.json()["type"]) == (422, "urn:hamkke:problem:reason-is-missing")
    closed = await operator.post(f"/calls/{call_id}/close", {"reason": {"ko": "정원이 찼습니다."}}, version=3)
    assert (closed.status_code, closed.headers["etag"]) == (200, '"4"')
    refused = await platform.citizen().post(f"/calls/{call_id}/applications", an_application())
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:hamkke:problem:call-is-not-open")
    assert refused.json()["ko"]
    later = text(datetime.now(UTC) + timedelta(days=25))
    extended = await operator.post(
        f"/calls/{call_id}/extend", {"closes_at": later, "reason": {"ko": "더 모읍니다."}}, version=4
    )
    assert extended.status_code == 200, extended.text
    seen = (await platform.visitor().get(f"/calls/{call_id}")).json()
    assert (seen["status"], seen["closes_at"], seen["reason"]["ko"]) == ("OPEN", later, "더 모읍니다.")
    assert (await platform.citizen().post(f"/calls/{call_id}/applications", an_application())).status_code == 201


async def test_commands_on_a_call_name_the_version_they_are_about(platform: Platform) -> None:
    operator = platform.operator()
    call_id = await drafted(operator)
    assert (await operator.post(f"/calls/{call_id}/publish")).status_code == 428
    stale = await operator.post(f"/calls/{call_id}/publish", version=7)
    assert (stale.status_code, stale.json()["version"]) == (412, 1)
    for malformed in ("1", "*", '"x"', 'W/"1"', '"1", "2"', '"01"'):
        answer = await operator.post(f"/calls/{call_id}/publish", **{"if-match": malformed})
        assert answer.status_code == 400, malformed


async def test_of_two_operators_at_the_same_version_one_is_told_to_look_again(platform: Platform) -> None:
    one, other = platform.operator(), platform.operator()
    call_id = await drafted(one)
    assert (await one.post(f"/calls/{call_id}/publish", version=1)).status_code == 200
    assert (await other.post(f"/calls/{call_id}/publish", version=1)).status_code == 412


async def test_the_own_application_is_shown_with_answers_to_nobody_else(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person = platform.citizen()
    path = f"/calls/{call_id}/applications"
    receipt = (await person.post(path, an_application())).json()
    mine = await person.get(f"{path}/mine")
    assert mine.json()["answers"] == {"motive": "밤길이 어둡습니다."}
    assert mine.json()["attributes"] == {"sex": "female"}
    assert mine.headers["cache-control"] == "no-store"
    assert (await platform.citizen().get(f"{path}/mine")).status_code == 404
    listed = await platform.operator().get(path, after=after(receipt))
    (row,) = listed.json()["items"]
    assert row["number"] == mine.json()["number"]
    assert "밤길" not in listed.text
    assert "female" not in listed.text


async def test_nothing_is_known_of_calls_that_are_not_there(platform: Platform) -> None:
    person, operator = platform.citizen(), platform.operator()
    for strange in (UNKNOWN, "..", "a@1", "%00", "가", "x" * 300, "A" * 32):
        answers = [
            await person.get(f"/calls/{strange}"),
            await person.get(f"/calls/{strange}/counts"),
            await person.get(f"/calls/{strange}/applications/mine"),
            await person.post(f"/calls/{strange}/applications", an_application()),
            await person.post(f"/calls/{strange}/applications/mine/withdraw"),
            await operator.get(f"/calls/{strange}/applications"),
            await operator.post(f"/calls/{strange}/publish", version=1),
        ]
        assert {answer.status_code for answer in answers[:-1]} <= {404, 400}, strange
        assert answers[-1].status_code in (404, 400, 412), "there is no version 1 of it"
        assert all(answer.json()["ko"] for answer in answers)


async def test_who_never_applied_has_nothing_to_withdraw(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    assert (await platform.citizen().post(f"/calls/{call_id}/applications/mine/withdraw")).status_code == 404


async def test_a_key_belongs_to_one_person_one_command_and_one_body(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person, other, key = platform.citizen(), platform.citizen(), uuid7()
    path = f"/calls/{call_id}/applications"
    first = await person.post(path, an_application(), key=key)
    assert (await person.post(path, an_application(), key=key)).text == first.text
    changed = await person.post(path, an_application(answers={"motive": "다른 이유"}), key=key)
    assert (changed.status_code, changed.json()["type"]) == (422, "urn:hamkke:problem:idempotency-key-reused")
    theirs = await other.post(path, an_application(), key=key)
    assert theirs.status_code == 201
    assert theirs.json()["stream"] != first.json()["stream"]
    withdrawn = await person.post(f"{path}/mine/withdraw", key=key)
    assert withdrawn.json()["version"] == 2, "another command with the same key is another command"


async def test_drafting_twice_with_one_key_makes_one_call(platform: Platform) -> None:
    operator, key, form = platform.operator(), uuid7(), a_call()
    first = await operator.post("/calls", form, key=key)
    again = await operator.post("/calls", form, key=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.text == again.text


@pytest.mark.parametrize(
    ("key", "status"),
    [
        ("", 400),
        ("not-a-key", 400),
        ("7f2d1c1e-6f0a-4b6e-9c3c-0a1b2c3d4e5f", 400),
        ("018bcfe5-6800-7566-9459-025eda0e72eb", 422),
        ("03a35294-4000-75ac-88a3-1e7833582bd8", 422),
    ],
    ids=["empty", "no key", "UUIDv4", "long ago", "in days to come"],
)
async def test_a_key_is_a_uuid7_of_these_days(platform: Platform, key: str, status: int) -> None:
    answer = await platform.operator().post("/calls", a_call(), **{"idempotency-key": key})
    assert answer.status_code == status


FORMS: list[tuple[str, dict[str, Any], int]] = [
    ("no title", a_call(title=None), 422),
    ("an empty Korean title", a_call(title={"ko": ""}), 422),
    ("a title of blanks", a_call(title={"ko": "   "}), 422),
    ("an English title only", a_call(title={"en": "Call"}), 422),
    ("a title too long", a_call(title={"ko": "가" * 201}), 422),
    ("an unknown field", a_call(surprise=1), 422),
    ("an unknown field inside", a_call(title={"ko": "모집", "fr": "Appel"}), 422),
    ("no seats", a_call(seats=0), 422),
    ("seats as text", a_call(seats="50"), 422),
    ("seats as a fraction", a_call(seats=50.5), 422),
    ("seats as truth", a_call(seats=True), 422),
    ("a date that does not exist", a_call(closes_at="2026-02-30T00:00:00Z"), 422),
    ("a date without its offset", a_call(closes_at="2026-12-30T00:00:00"), 422),
    ("a date as a number", a_call(closes_at=1798588800), 422),
    ("a date out of the calendar", a_call(closes_at="0000-01-01T00:00:00Z"), 422),
    ("dates in the wrong order", a_call(closes_at="2020-01-01T00:00:00Z"), 422),
    ("a quota with a dot in its feature", a_call(quotas=[{"feature": "a.b", "value": "x", "min": 0, "max": 9}]), 422),
    ("a quota with a sign", a_call(quotas=[{"feature": "$where", "value": "x", "min": 0, "max": 9}]), 422),
    ("quotas no panel can meet", a_call(seats=1_000), 422),
    ("a project id with a phone number's plus", a_call(project_id="+82 10"), 422),
]


@pytest.mark.parametrize(("why", "form", "status"), FORMS, ids=[form[0] for form in FORMS])
async def test_a_call_form_that_is_not_right_is_refused(
    platform: Platform, why: str, form: dict[str, Any], status: int
) -> None:
    answer = await platform.operator().post("/calls", form)
    assert answer.status_code == status, why
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["en"]


APPLICATIONS: list[tuple[str, Any]] = [
    ("no attributes", {}),
    ("a missing feature", {"attributes": {}}),
    ("an unheard-of value", {"attributes": {"sex": "unheard-of"}}),
    ("a feature that nobody asked for", {"attributes": {"sex": "male", "household": "h1"}}),
    ("an operator as a feature", {"attributes": {"$gt": "", "sex": "male"}}),
    ("a nested attribute", {"attributes": {"sex": {"$ne": None}}}),
    ("an answer that is no text", an_application(answers={"motive": ["a"]})),
    ("an answer too long", an_application(answers={"motive": "가" * 2001})),
    ("too many answers", an_application(answers={f"q{n}": "x" for n in range(21)})),
    ("a list", []),
    ("a number", 7),
    ("nothing", None),
]


@pytest.mark.parametrize(("why", "form"), APPLICATIONS, ids=[form[0] for form in APPLICATIONS])
async def test_an_application_form_that_is_not_right_is_refused(platform: Platform, why: str, form: Any) -> None:
    call_id = await opened(platform.operator())
    answer = await platform.citizen().post(f"/calls/{call_id}/applications", form)
    assert answer.status_code == 422, why
    assert "unheard-of" not in answer.text, "input is never echoed"


RAW: list[tuple[str, bytes, str, int]] = [
    ("too large", b'{"answers": {"motive": "' + b"a" * 70_000 + b'"}}', "application/json", 413),
    ("too deep", b"[" * 60 + b"]" * 60, "application/json", 400),
    ("not JSON", b"{attributes: 1}", "application/json", 400),
    ("not UTF-8", '{"attributes": {"sex": "가"}}'.encode("cp949"), "application/json", 400),
    ("another charset", b"{}", "application/json; charset=euc-kr", 415),
    ("another type", b"{}", "text/plain", 415),
    ("a doubled field", b'{"attributes": {"sex": "male", "sex": "female"}}', "application/json", 400),
    ("NUL", b'{"attributes": {"sex": "male"}, "answers": {"motive": "a\\u0000b"}}', "application/json", 400),
    ("a lone surrogate", b'{"attributes": {"sex": "male"}, "answers": {"q": "\\ud800"}}', "application/json", 400),
    ("10^400", b'{"attributes": {"sex": 1' + b"0" * 400 + b"}}", "application/json", 400),
    ("1e400", b'{"attributes": {"sex": 1e400}}', "application/json", 400),
    ("NaN", b'{"attributes": {"sex": NaN}}', "application/json", 400),
]


@pytest.mark.parametrize(("why", "raw", "media_type", "status"), RAW, ids=[row[0] for row in RAW])
async def test_a_body_that_cannot_be_read_is_refused(
    platform: Platform, why: str, raw: bytes, media_type: str, status: int
) -> None:
    call_id = await opened(platform.operator())
    person = platform.citizen()
    headers = person.headers | {"content-type": media_type, "idempotency-key": uuid7()}
    answer = await platform.recruitment.post(f"/calls/{call_id}/applications", content=raw, headers=headers)
    assert answer.status_code == status, (why, answer.text)
    assert answer.json()["type"].startswith("urn:hamkke:problem:")


async def test_lists_come_in_pages_that_meet(platform: Platform) -> None:
    operator = platform.operator()
    call_id = await opened(operator)
    path = f"/calls/{call_id}/applications"
    receipts = [(await platform.citizen().post(path, an_application())).json() for _ in range(7)]
    expected = sorted(receipt["stream"].rpartition(":")[2] for receipt in receipts)
    first = (await operator.get(path, after=after(receipts[-1]), limit=5)).json()
    beyond = {"limit": 5, "after": first["next"]}
    second = await platform.recruitment.get(path, params=beyond, headers=operator.headers)
    assert [row["citizen"] for row in first["items"] + second.json()["items"]] == expected
    assert second.json()["next"] is None
    forged = await platform.recruitment.get(path, params={"after": "AAAA"}, headers=operator.headers)
    assert forged.status_code == 400


async def test_small_groups_are_not_counted_in_public(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person = platform.citizen()
    receipt = (await person.post(f"/calls/{call_id}/applications", an_application())).json()
    counts = (await person.get(f"/calls/{call_id}/counts", after=after(receipt))).json()
    assert counts["total"] is None
    assert {cell["count"] for cell in counts["cells"]} == {None}


async def test_a_token_of_somebody_else_shows_somebody_elses_application(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person = platform.citizen()
    await person.post(f"/calls/{call_id}/applications", an_application())
    same = Client(platform.recruitment, platform.settings, Role.CITIZEN, ref=person.ref)
    assert (await same.get(f"/calls/{call_id}/applications/mine")).status_code == 200
