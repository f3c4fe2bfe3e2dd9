"""What people confide stays where they put it: planted contact data and free text are looked for everywhere else. 0 hits."""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import AsyncMongoClient

from deploy.cli.reach import settings_of, the_broker
from deploy.demo.call import form
from deploy.demo.client import Client, Person, new_key
from deploy.demo.people import MOTIVES, invent
from deploy.demo.pool import read_pool
from deploy.demo.wire import Wire
from deploy.local import leftovers, starting
from deploy.local.home import Home
from deploy.local.services import SERVICES
from shared.contracts.catalogue import published
from shared.http.roles import Role
from shared.settings import Settings
from tests.cli.conftest import free_base, run_in
from tests.support.servers import missing_tools

MARK = "Pl4nted7f3a"
MAIL, PHONE, NAME = f"{MARK}@example.invalid", f"000-0000-0777 {MARK}", f"심은이 {MARK}"
CONFIDED = f"{NAME}입니다. 밤에 혼자 걷기가 무섭습니다. 연락처는 {MAIL}, {PHONE}"
DRAFT = f"아직 공개하지 않은 제목 {MARK}"
NEEDLES = [MARK.lower(), "심은이", "혼자 걷기가 무섭습니다", "심은이".encode("unicode_escape").decode(), *MOTIVES]
OWN_ROOMS = {"commits", "applications", "calls"}
"""Recruitment's collections that keep private parts: the log beside the events, the main views for the person's own eyes."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A platform on which people have confided in every way that the API knows, and in some that it refuses."""
    if reason := missing_tools():
        pytest.fail(reason)
    home = Home(tmp_path_factory.mktemp("home"))
    for _ in starting.up(home, ["--port", str(free_base()), "--split"]):
        pass
    try:
        demo = run_in(home, "demo", "--pool", pool_with_names(home.root / "planted"))
        assert demo.returncode == 0, demo.stdout + demo.stderr
        asyncio.run(confide(home))
        asyncio.run(until_told(home))
        yield home
    finally:
        starting.down(home)


def pool_with_names(folder: Path) -> Path:
    """Organisers' files often carry columns that are nobody's business."""
    folder.mkdir()
    pool = invent(40)
    quotas = [f"{q.feature},{q.value},{q.min},{q.max}" for q in pool.quotas]
    people = [",".join([v.id, NAME, MAIL, PHONE, *v.values.values()]) for v in pool.volunteers]
    (folder / "features.csv").write_text("\n".join(["feature,value,min,max", *quotas]) + "\n")
    (folder / "respondents.csv").write_text("\n".join(["id,name,mail,phone,dong,sex,ageBand", *people]) + "\n")
    return folder


async def confide(home: Home) -> None:
    """Applications with contact data in their answers while the store is killed, and requests that are refused."""
    report = leftovers.report(home) or {}
    settings = settings_of(report)
    urls = {row["name"]: row["url"] for row in report["processes"]}
    client, operator = Client(urls["recruitment"]), Person(settings, "1" * 32, Role.PROGRAM_OPERATOR)
    plan = form(read_pool(home.root / "planted"), 50, datetime.now(UTC))
    await client.command(operator, "/calls", plan | {"title": {"ko": DRAFT, "en": DRAFT}, "question": {"ko": DRAFT}})
    drafted = (await client.command(operator, "/calls", plan)).body
    path = f"/calls/{drafted['id']}"
    await client.command(operator, f"{path}/publish", if_match=1)
    await client.command(operator, f"{path}/open", if_match=2)
    good = {"dong": "BARAM", "sex": "female", "ageBand": "65plus"}
    people = [Person(settings, f"{n:032x}", Role.CITIZEN) for n in range(100, 130)]

    async def apply(person: Person) -> int:
        answers = {"motive": CONFIDED, "needs": PHONE}
        return (await client.command(person, f"{path}/applications", {"attributes": good, "answers": answers})).status

    wishes = [asyncio.create_task(apply(person)) for person in people]
    await asyncio.sleep(0.05)
    os.kill(next(row["pid"] for row in report["processes"] if row["name"] == "store"), signal.SIGKILL)
    assert set(await asyncio.gather(*wishes)) == {201}
    assert (await client.command(people[0], f"{path}/applications/mine/withdraw")).status == 200
    for body in (
        {"attributes": good | {"dong": MARK}, "answers": {}},
        {"attributes": good | {MARK: "x"}, "answers": {}},
        {"attributes": good, "answers": {MARK: CONFIDED}},
        {"attributes": good, "answers": {}, MARK: CONFIDED},
        {"attributes": CONFIDED},
    ):
        assert (await client.command(people[0], f"{path}/applications", body)).status in (201, 422)
    client.close()
    await knock(urls["recruitment"], path, people[1])


async def knock(url: str, path: str, person: Person) -> None:
    """Requests with planted words in every place that a log line might be tempted to quote."""
    wire, key = Wire(url, 5), {"Idempotency-Key": new_key()}
    ours = person.bearer() | key
    for method, target, headers, body in (
        ("POST", f"{path}/applications", ours, f'{{"answers": "{MARK}'.encode()),
        ("POST", f"{path}/applications", ours, b"\xff" + MARK.encode()),
        ("POST", f"{path}/applications", {"Authorization": f"Bearer {MARK}"} | key, b"{}"),
        ("POST", f"{path}/applications", person.bearer() | {"Idempotency-Key": MARK}, b"{}"),
        ("POST", f"/{MARK}", ours, b"{}"),
        ("GET", f"/calls/{MARK}", {}, None),
        ("GET", f"/calls?after={MARK}&{MARK}=1", {}, None),
        ("GET", path, {"User-Agent": MARK, "Correlation-Id": MARK, "traceparent": MARK, "Read-After": MARK}, None),
    ):
        answer = await wire.request(method, target, headers, body)
        assert answer.status < 500, (target, answer)
        assert hits(answer.body) == [], (target, answer)
    wire.close()


def hits(raw: bytes) -> list[str]:
    """Which of the planted words are in these bytes."""
    text = raw.decode("utf-8", "replace").lower()
    return [needle for needle in NEEDLES if needle.lower() in text]


def settings(home: Home) -> Settings:
    return settings_of(leftovers.report(home) or {})


async def collections(home: Home, service: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(settings(home).store_uri)
    try:
        database = client[settings(home).database(service)]
        for name in await database.list_collection_names():
            async for document in database[name].find({}):
                yield name, document
    finally:
        await client.close()


async def until_told(home: Home) -> None:
    """Views and inboxes have caught up with all that was confided."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        views = [name async for name, _ in collections(home, "recruitment") if name == "applications"]
        told = [name async for name, _ in collections(home, "notifications") if name == "inbox"]
        if len(views) == 70 and len(told) == 73:
            return
        await asyncio.sleep(0.3)
    raise AssertionError(f"{len(views)} applications and {len(told)} inbox entries after a minute")


async def test_what_was_planted_is_where_it_belongs(home: Home) -> None:
    """Else the search would find nothing because nothing is there."""
    found = [name async for name, document in collections(home, "recruitment") if hits(bson.encode(document))]
    assert {"commits", "applications"} <= set(found) <= OWN_ROOMS
    assert found.count("applications") >= 70


async def test_in_the_log_it_is_in_private_parts_only(home: Home) -> None:
    checked = 0
    async for name, document in collections(home, "recruitment"):
        if name == "commits":
            document.pop("private", None)
            assert hits(bson.encode(document)) == [], document["_id"]
            checked += 1
    assert checked > 70


async def test_it_is_on_no_topic(home: Home) -> None:
    async with the_broker(settings(home)) as broker:
        for kind in published():
            records = [raw async for batch in broker.read(kind.topic) for raw in batch]
            assert records or kind.service != "recruitment"  # another one need not have published here
            for raw in records:
                parts = [
                    raw.key or b"",
                    raw.value or b"",
                    *(name.encode() + b"=" + value for name, value in raw.headers),
                ]
                assert hits(b"\n".join(parts)) == [], f"{raw.topic}@{raw.offset}"


async def test_nobodys_attributes_are_on_a_topic_about_people(home: Home) -> None:
    async with the_broker(settings(home)) as broker:
        records = [raw async for batch in broker.read("hamkke.recruitment.application") for raw in batch]
    published_values = [b"ONSAEMI", b"SOLBIT", b"BARAM", b"female", b"65plus"]
    assert not any(value in (raw.value or b"") for raw in records for value in published_values)


async def test_it_is_in_no_other_services_store(home: Home) -> None:
    for service in SERVICES:
        if service != "recruitment":
            documents = [pair async for pair in collections(home, service)]
            assert documents
            assert [name for name, document in documents if hits(bson.encode(document))] == []


async def test_it_is_in_no_metric(home: Home) -> None:
    for row in (leftovers.report(home) or {})["processes"]:
        if row["url"].startswith("http:"):
            wire = Wire(row["url"], 5)
            said = (await wire.request("GET", "/metrics", {}, None)).body
            wire.close()
            assert b"hamkke_" in said
            assert hits(said) == []


def test_it_is_in_no_log_line_and_no_report(home: Home) -> None:
    files = [*home.logs.rglob("*"), *home.run.rglob("*.json"), home.root / "demo" / "report.json"]
    assert len(files) >= 6
    found = {str(file): hits(file.read_bytes()) for file in files if file.is_file()}
    assert {file: words for file, words in found.items() if words} == {}
    lines = (home.logs / "recruitment.log").read_text().splitlines()
    assert len(lines) > 70
    assert all(isinstance(json.loads(line), dict) for line in lines)
