"""What the command line and set-up say when something is missing: one plain sentence that names the remedy."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from deploy.local import doctor, kafka, stores
from deploy.local.home import PROJECT, Home
from deploy.local.trouble import Trouble

Hamkke = Callable[..., subprocess.CompletedProcess[str]]


def test_without_java_kafka_is_refused_with_what_to_type(hamkke: Hamkke, port: int) -> None:
    up = hamkke("up", "--kafka", "--port", port, PATH=str(Path(sys.executable).parent))
    assert up.returncode == 1
    assert "there is no java here; install it (Debian: apt-get install openjdk-17-jre-headless)" in up.stderr


def test_an_old_java_is_told_from_a_good_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(Trouble, match=r"needs Java 17; .* is openjdk version \"11"):
        kafka.java()


@pytest.mark.parametrize(
    ("store", "sentence"),
    [
        ("redis", "The store 'redis' is unknown"),
        ("mongodb://127.0.0.1:1/", "The store that --store names does not answer"),
        ("mongodb://127.0.0.1:1,127.0.0.1:2/", "The store that --store names does not answer"),
        ("mongodb://127.0.0.1:port/", "--store is not a usable address: Port contains"),
    ],
)
def test_a_store_that_is_not_there(hamkke: Hamkke, port: int, store: str, sentence: str) -> None:
    up = hamkke("up", "--store", store, "--port", port)
    assert up.returncode == 1
    assert up.stderr.strip().startswith(sentence)
    assert len(up.stderr.strip().splitlines()) == 1


def test_the_demonstration_says_it_too(hamkke: Hamkke, port: int) -> None:
    demo = hamkke("demo", "--volunteers", 1, "--exit", "--store", "http://127.0.0.1/", "--port", port)
    assert demo.returncode == 1
    assert demo.stderr.strip().splitlines()[-1].startswith("--store is not a usable address: Invalid URI scheme")
    assert "Traceback" not in demo.stderr


def test_a_folder_that_cannot_be_used(hamkke: Hamkke, port: int) -> None:
    up = hamkke("up", "--port", port, HAMKKE_HOME="/proc/nothing")
    assert (up.returncode, up.stdout) == (1, "")
    assert up.stderr.startswith("The folder /proc/nothing cannot be used")


@pytest.fixture
def rust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the Rust store's mark would be; it is built, and has not passed yet."""
    monkeypatch.setattr(stores, "RUST", tmp_path / "secantusd-rs")
    monkeypatch.setattr(stores, "RUST_PASSED", tmp_path / "passed.json")
    (tmp_path / "secantusd-rs").touch()
    return tmp_path / "passed.json"


def test_the_rust_store_is_used_only_with_its_passed_checks(tmp_path: Path, rust: Path) -> None:
    assert stores.choose(None, tmp_path) == "py"
    with pytest.raises(Trouble, match="did not pass its checks"):
        stores.choose("rs", tmp_path)
    rust.touch()
    assert stores.choose(None, tmp_path) == "rs"


def test_an_installation_keeps_the_store_that_it_used_last(tmp_path: Path, rust: Path) -> None:
    stores.launch("py", 1, tmp_path)
    rust.touch()
    assert stores.choose(None, tmp_path) == "py"
    for other, kind in (("py", "rs"), ("rs", "py")):
        os.utime(tmp_path / f"store-{other}", (1, 1))  # a while ago
        stores.launch(stores.choose(kind, tmp_path), 1, tmp_path)
        assert stores.choose(None, tmp_path) == kind


def test_doctor_names_what_is_missing_and_what_to_type(hamkke: Hamkke) -> None:
    healthy = hamkke("doctor")
    assert healthy.returncode == 0, healthy.stdout
    poor = hamkke("doctor", PATH=str(Path(sys.executable).parent))
    assert poor.returncode == 1
    for words in (
        "make: apt-get install make",
        "java: apt-get install openjdk-17-jre-headless",
        "mvn: apt-get install maven",
    ):
        assert words in poor.stdout


def test_doctor_looks_at_all_that_the_verbs_need(home: Home) -> None:
    found = {line.what for line in doctor.examine(home)}
    programs = {"python", "make", "java", "mvn", "cargo", "node", "npm", "jq", "docker", "chromium"}
    assert found >= programs | {"disk", "ports"}


def test_a_token_is_for_known_roles_and_well_formed_people(hamkke: Hamkke) -> None:
    assert "There is no role KING; there are VISITOR, CITIZEN" in hamkke("token", "--role", "KING").stderr
    assert "32 hex digits" in hamkke("token", "--role", "CITIZEN", "--sub", "me").stderr


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """As much of a bare clone as set-up looks at before it installs anything."""
    folder = tmp_path / "clone"
    for name in ("deploy/setup.sh", "requirements.lock", "requirements-embedded.lock", "pyproject.toml"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, folder / name)
    return folder


def set_up(clone: Path, **env: str) -> str:
    """Run it; its last line, once it has stopped with exit code 1."""
    done = subprocess.run(
        [clone / "deploy/setup.sh"], env={**os.environ, **env}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1, done
    return done.stderr.strip().splitlines()[-1]


def fake(folder: Path, name: str, script: str) -> str:
    """A program of that name in front of PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_set_up_refuses_an_old_python(clone: Path, tmp_path: Path) -> None:
    old = 'case "$1" in --version) echo Python 3.8.2;; *) exit 1;; esac'
    for name in ("python3.11", "python3.12", "python3.13", "python3", "python"):
        path = fake(tmp_path / "bin", name, old)
    assert "Hamkke needs Python 3.11, 3.12 or 3.13; found Python 3.8.2." in set_up(clone, PATH=path)
    assert "is not Python 3.11, 3.12 or 3.13 (Python 3.8.2)" in set_up(clone, PYTHON=str(tmp_path / "bin" / "python"))


def test_set_up_refuses_a_full_disk(clone: Path, tmp_path: Path) -> None:
    path = fake(tmp_path / "bin", "df", "echo header; echo '/dev/x 100 90 10 90% /'")
    assert "there are 10 MB free" in set_up(clone, PATH=path, PYTHON=sys.executable)
    assert not (clone / ".venv").exists()


def test_set_up_says_that_there_is_no_network(clone: Path) -> None:
    tools = clone / "var" / "tools" / "py"  # as if the other half had been made before: this test is about one
    (tools / "bin").mkdir(parents=True)
    (tools / "bin" / "python").symlink_to(sys.executable)
    lock = hashlib.sha256((clone / "requirements-embedded.lock").read_bytes()).hexdigest()
    (tools / ".made-from").write_text(f"{lock} {clone}\n")
    env = {
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
        "PIP_NO_CACHE_DIR": "1",
    }
    assert "the Python package index cannot be reached" in set_up(clone, PYTHON=sys.executable, **env)
    assert not (clone / ".venv" / ".made-from").exists()


def test_a_set_up_that_is_stopped_leaves_no_pip_behind(clone: Path, tmp_path: Path) -> None:
    slow = f"""case "$*" in
      *"-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python";;
      *"-m pip"*) echo $$ >>{tmp_path}/pips; exec sleep 60;;
    esac"""
    fake(tmp_path / "bin", "python", slow)
    env = {**os.environ, "PYTHON": str(tmp_path / "bin" / "python")}
    setup = subprocess.Popen([clone / "deploy/setup.sh"], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 30
    pids = tmp_path / "pips"
    pids.touch()
    while len(pips := pids.read_text().split()) < 2:
        assert time.monotonic() < until
        time.sleep(0.02)
    setup.terminate()
    assert setup.wait(30) == 130
    _, alive = psutil.wait_procs([psutil.Process(pid) for pid in map(int, pips) if psutil.pid_exists(pid)], timeout=5)
    assert not alive
