"""Files that name what the code knows: .env.example, the compose file, the Dockerfile, the lock files."""

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import VERSION
from deploy.local.home import PROJECT
from deploy.local.services import DEFAULT_PORT, SERVICES
from shared.settings import PREFIX, Settings, load_settings

COMPOSE: dict[str, Any] = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
DOCKERFILE = (PROJECT / "deploy/docker/Dockerfile").read_text()
LOCKS = sorted(PROJECT.glob("requirements*.lock"))


def test_the_example_of_settings_is_what_hamkke_settings_would_write() -> None:
    example = (PROJECT / ".env.example").read_text()
    for row in load_settings({}).describe():
        assert f"\n# {row.description}\n#{row.variable}={row.default}\n" in example, (
            f"type: hamkke settings --env > .env.example ({row.variable})"
        )


def test_every_service_has_a_container_and_its_port() -> None:
    for name, offset in SERVICES.items():
        container = COMPOSE["services"][name]
        assert container["command"] == [name]
        assert container["environment"]["HAMKKE_PORTS"] == f"{name}=8000"
        assert container["ports"] == [f"127.0.0.1:{DEFAULT_PORT + offset}:8000"]
        assert container["depends_on"]["topics"]["condition"] == "service_completed_successfully"


def test_one_version_is_named_everywhere() -> None:
    assert tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["version"] == VERSION
    assert {c["image"] for c in COMPOSE["services"].values() if "build" in c} == {f"hamkke:{VERSION}"}


def test_topics_are_described_where_only_the_code_is_as_in_the_image() -> None:
    bare = """
import importlib.metadata, sys
asked = importlib.metadata.distribution
def distribution(name):
    if name == "hamkke": raise importlib.metadata.PackageNotFoundError(name)
    return asked(name)
importlib.metadata.distribution = distribution
from deploy.cli.main import app
app(["export", "asyncapi"])
"""
    done = subprocess.run([sys.executable, "-c", bare], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["info"]["version"] == VERSION


def test_containers_are_set_by_settings_that_exist() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    used = {name for c in COMPOSE["services"].values() for name in c.get("environment", {}) if name.startswith(PREFIX)}
    assert used <= known
    assert set(re.findall(r"HAMKKE_\w+(?==)", DOCKERFILE)) <= known
    environment = {name: str(value) for name, value in COMPOSE["services"]["recruitment"]["environment"].items()}
    assert load_settings(environment).profile == "compose"


def test_containers_are_nobodys_root_and_say_how_they_are() -> None:
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert "HEALTHCHECK" in DOCKERFILE
    for name in ("mongo", "kafka"):
        assert COMPOSE["services"][name]["healthcheck"]["test"]
        assert "ports" not in COMPOSE["services"][name], "store and broker are reached inside the network only"


def test_the_gpl_tool_is_in_no_image_and_no_list_but_its_own() -> None:
    assert [lock.name for lock in LOCKS if "secantus" in lock.read_text().lower()] == ["requirements-embedded.lock"]
    assert "requirements-runtime.lock" in DOCKERFILE
    assert "embedded" not in DOCKERFILE


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_with_hashes_and_no_address(lock: Path) -> None:
    packages = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert len(packages) > 5
    for package in packages:
        assert re.match(r"^[\w.\-\[\]]+==[\w.]+", package), package
        assert "--hash=sha256:" in package, package
    assert "://" not in lock.read_text()
