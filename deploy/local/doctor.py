"""Looks at this machine: what Hamkke needs, what more it could use, and the words to type for what is missing."""

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from deploy.local import leftovers, stores
from deploy.local.brokers import TANSU
from deploy.local.home import Home
from deploy.local.kafka import MADE_FROM, NEEDED_JAVA
from deploy.local.platform import FREE_MB
from deploy.local.ports import is_free
from deploy.local.services import BROKER, CONTROLLER, DEFAULT_PORT, SERVICES, STORE

Verdict = Literal["ok", "missing", "optional"]


@dataclass(frozen=True)
class Finding:
    """One line: `remedy` is what to type where it is not ok."""

    what: str
    verdict: Verdict
    found: str
    purpose: str
    remedy: str = ""


def examine(home: Home) -> list[Finding]:
    """Everything that matters, the necessary first."""
    return [
        _python(),
        _program("make", "the verbs", "apt-get install make", necessary=True),
        _installed("embedded store", stores.PYTHON.exists(), "make setup"),
        _installed("embedded broker", TANSU.exists(), "make setup"),
        _disk(home),
        _ports(home),
        _java(),
        _program("mvn", "make kafka", "apt-get install maven"),
        _optional("Kafka jars", MADE_FROM.exists(), "up --kafka, faults", "make kafka"),
        _program("cargo", "make store-rs", "install Rust with rustup, or apt-get install cargo"),
        _optional("Rust store", stores.RUST_PASSED.exists(), "a faster embedded store", "make store-rs"),
        _program("node", "tests by the official parsers, an example", "apt-get install nodejs"),
        _program("npm", "fetching those parsers", "apt-get install npm"),
        _program("jq", "an example, and its test", "apt-get install jq"),
        _docker(),
        _chromium(),
    ]


def _python() -> Finding:
    version = sys.version.split()[0]
    fits = (3, 11) <= sys.version_info[:2] < (3, 14)
    return Finding(
        "python", "ok" if fits else "missing", version, "everything", "apt-get install python3.11 python3.11-venv"
    )


def _said(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = (done.stdout + done.stderr).strip().splitlines()
    return re.sub(r"\x1b\[[0-9;]*m", "", lines[0]) if lines and done.returncode == 0 else ""


def _program(name: str, purpose: str, remedy: str, necessary: bool = False) -> Finding:
    said = _said([name, "--version"]) if shutil.which(name) else ""
    return Finding(name, "ok" if said else "missing" if necessary else "optional", said or "not here", purpose, remedy)


def _installed(what: str, there: bool, remedy: str) -> Finding:
    return Finding(what, "ok" if there else "missing", "installed" if there else "not here", "up, demo, test", remedy)


def _optional(what: str, there: bool, purpose: str, remedy: str) -> Finding:
    return Finding(what, "ok" if there else "optional", "there" if there else "not here", purpose, remedy)


def _disk(home: Home) -> Finding:
    folder = next(folder for folder in (home.root, *home.root.parents) if folder.exists())
    free = shutil.disk_usage(folder).free >> 20
    return Finding(
        "disk",
        "ok" if free >= FREE_MB else "missing",
        f"{free} MB free",
        "data and logs",
        f"free at least {FREE_MB} MB for {folder}",
    )


def _ports(home: Home) -> Finding:
    if leftovers.is_held(home):
        return Finding("ports", "ok", "in use by this installation, which runs", "up")
    offsets = (*SERVICES.values(), STORE, BROKER, CONTROLLER)
    taken = [str(DEFAULT_PORT + offset) for offset in offsets if not is_free(DEFAULT_PORT + offset)]
    found = f"{', '.join(taken)} taken" if taken else f"{DEFAULT_PORT}-{DEFAULT_PORT + max(offsets)} free"
    return Finding(
        "ports",
        "optional" if taken else "ok",
        found,
        "up",
        f"choose other ports: hamkke up --port {DEFAULT_PORT + 1000}",
    )


def _java() -> Finding:
    remedy = "apt-get install openjdk-17-jre-headless"
    said = _said(["java", "-version"]) if shutil.which("java") else ""
    version = re.search(r'version "(\d+)', said)
    fits = bool(version and int(version[1]) >= NEEDED_JAVA)
    return Finding("java", "ok" if fits else "optional", said or "not here", "up --kafka, faults (17 or newer)", remedy)


def _docker() -> Finding:
    purpose, remedy = "docker compose, tests on real MongoDB", "install Docker and start its daemon"
    if not shutil.which("docker"):
        return Finding("docker", "optional", "not here", purpose, remedy)
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        listening = probe.connect_ex("/var/run/docker.sock") == 0
    return Finding(
        "docker", "ok" if listening else "optional", "daemon runs" if listening else "no daemon runs", purpose, remedy
    )


def _chromium() -> Finding:
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return Finding(
        "chromium",
        "ok" if path else "optional",
        path or "not here",
        "tests of pages (later)",
        "apt-get install chromium",
    )
