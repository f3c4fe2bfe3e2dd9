"""docs/new-service.md builds a service that passes its tests, the linters and the type checker, and runs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.servers import EmbeddedBroker, EmbeddedStore

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^`([\w./-]+)`\n\n```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:mkdir|touch) .+)$", re.MULTILINE)
SIX_FILES = {"README.md", "domain", "views.py", "api.py", "consumers.py", "app.py"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the page's blocks put into it."""
    copy = tmp_path_factory.mktemp("project")
    for folder in ("shared", "services", "deploy", "tests"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for file in ("pyproject.toml", "Makefile", "docker-compose.yml", *(lock.name for lock in ROOT.glob("*.lock"))):
        shutil.copy(ROOT / file, copy)
    page = (ROOT / "docs" / "new-service.md").read_text()
    for command in COMMAND.findall(page):
        subprocess.run(command.split(), cwd=copy, check=True)
    blocks = BLOCK.findall(page)
    assert len(blocks) >= 12
    for path, language, text in blocks:
        put(copy / path, language, text)
    run(copy, "deploy.docs")
    run(copy, "tests.contracts.records")
    return copy


def put(file: Path, language: str, text: str) -> None:
    """A whole file, or the lines that change in one that is there."""
    if language != "diff":
        file.write_text(text)
        return
    content = file.read_text()
    for change in re.findall(r"(?:^-.*\n)+(?:^\+.*\n)+", text, re.MULTILINE):
        old = "".join(line[1:] + "\n" for line in change.splitlines() if line[0] == "-")
        new = "".join(line[1:] + "\n" for line in change.splitlines() if line[0] == "+")
        if new not in content:  # who has followed the page has them already
            assert content.count(old) == 1, f"{file} does not hold {old!r}"
            content = content.replace(old, new)
    file.write_text(content)


def run(folder: Path, *command: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(folder), "MYPY_CACHE_DIR": str(folder / ".mypy_cache")}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_service_has_the_six_files(built: Path) -> None:
    files = {file.name for file in (built / "services" / "stamps").iterdir()} - {"__init__.py", "__pycache__"}
    assert files == SIX_FILES
    assert len((built / "services" / "stamps" / "app.py").read_text().splitlines()) <= 30


def test_its_rules_pass_their_tests(built: Path) -> None:
    assert "5 passed" in run(built, "pytest", "-q", "-p", "no:cacheprovider", "tests/stamps")


def test_it_is_as_the_house_writes(built: Path) -> None:
    places = ("services/stamps", "tests/stamps", "shared/contracts", "tests/contracts", "tests/flows")
    run(built, "ruff", "format", "--check", *places)
    run(built, "ruff", "check", "--no-cache", *places)


@pytest.mark.timeout(280)
def test_its_types_fit(built: Path) -> None:
    run(built, "mypy", "services/stamps")


def test_its_contract_is_published_with_the_others(built: Path) -> None:
    run(built, "shared.contracts.schema")
    assert (built / "shared/contracts/schemas/hamkke.stamps.StampGiven.v1.json").exists()
    assert "hamkke.stamps.card" in run(built, "deploy.cli.main", "export", "asyncapi")


STORY = """
import asyncio, sys
from pathlib import Path
from deploy.local import topics
from shared.http.roles import Role
from tests.flows.client import after
from tests.flows.platform import a_platform, eventually
from tests.flows.stories import an_application, opened

async def story(home, store, broker):
    await topics.apply([broker], partitions=3)
    async with a_platform(Path(home), store, [broker]) as platform:
        await platform.ready()
        stamps = platform.stamps
        call_id = await opened(platform.operator())
        person, stranger = platform.citizen(), platform.citizen()
        receipt = (await person.post(f"/calls/{call_id}/applications", an_application())).json()
        path = f"/calls/{call_id}/stamps"
        for stand in ("library", "library", "market", "station"):
            answer = await eventually(
                lambda: person.at(stamps).post(path, {"stand": stand}, **{"read-after": after(receipt)}),
                lambda answer: answer.status_code != 503,
            )
            assert answer.status_code == 201, answer.text
        card = (await person.at(stamps).get(f"{path}/mine")).json()
        assert card == {"version": 3, "stands": ["library", "market", "station"], "full": True}, card
        refused = await stranger.at(stamps).post(path, {"stand": "market"})
        assert refused.json()["type"] == "urn:hamkke:problem:not-an-applicant", refused.text
        assert (await stranger.at(stamps).get(f"{path}/mine")).status_code == 404

asyncio.run(story(*sys.argv[1:]))
"""


def test_it_runs_among_the_others(
    built: Path, tmp_path: Path, embedded_store: EmbeddedStore, own_broker: EmbeddedBroker
) -> None:
    (built / "story.py").write_text(STORY)
    run(built, "story", str(tmp_path / "home"), embedded_store.uri, own_broker.bootstrap[0])


def test_what_the_other_tests_look_at_is_all_there(built: Path) -> None:
    (built / "var").symlink_to(ROOT / "var")
    run(built, "pytest", "-q", "-p", "no:cacheprovider", "tests/contracts", "tests/flows/test_roles.py")
    run(built, "pytest", "-q", "-p", "no:cacheprovider", "tests/deploy/test_settled.py", "-k", "service or container")
