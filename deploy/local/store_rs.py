"""`make store-rs`: builds the Rust server of the embedded store with cargo, checks it, and only then lets the launcher use it."""

import asyncio
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from deploy.local import store_checks, stores
from deploy.local.home import PROJECT
from deploy.local.trouble import Trouble

CRATE, VERSION = "secantus-mdb", "0.5.3-beta.193"
ROOT = stores.RUST.parents[1]
NEEDED_MB = 3000


def build(console: Console) -> bool:
    """Build it into var/tools/rs; False when this version is there. Raises Trouble."""
    if stores.RUST.exists() and (ROOT / "version").exists() and (ROOT / "version").read_text() == VERSION:
        return False
    cargo = shutil.which("cargo")
    if not cargo:
        raise Trouble(
            "The Rust store is built by cargo, and there is no cargo here; install Rust, or stay with the Python store."
        )
    free = shutil.disk_usage(PROJECT).free >> 20
    if free < NEEDED_MB:
        raise Trouble(f"There are {free} MB free and the build needs {NEEDED_MB} MB; free some space.")
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    log = PROJECT / "var" / "log" / "store-rs.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    # the crate asks for a newer compiler than it needs: 1.95 builds it
    command = [
        cargo,
        "install",
        CRATE,
        "--version",
        VERSION,
        "--locked",
        "--ignore-rust-version",
        "--root",
        str(ROOT),
        "--target-dir",
        str(ROOT / "target"),
    ]
    with log.open("wb") as output, console.status("Building the Rust store and WiredTiger, some minutes …") as status:
        building = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            while building.poll() is None:
                time.sleep(0.5)
                status.update(f"Building the Rust store and WiredTiger, some minutes … {_last(log)}")
        finally:
            building.terminate()
            building.wait()
    shutil.rmtree(ROOT / "target", ignore_errors=True)
    if building.returncode:
        raise Trouble(
            f"cargo could not build the Rust store ({_last(log)}); all it said is in {log}. The Python store goes on serving."
        )
    (ROOT / "version").write_text(VERSION)
    return True


def check(console: Console) -> bool:
    """Run the checks; write or remove the mark that lets the launcher use it."""
    with console.status("Checking it: features, change stream, SIGKILL …"):
        found = asyncio.run(store_checks.run("rs"))
    for name, wrong in found.items():
        console.print(
            f"{'failed' if wrong else 'holds '}  {name}{f': {wrong}' if wrong else ''}", highlight=False, markup=False
        )
    passed = not any(found.values())
    if passed:
        stores.RUST_PASSED.write_text(json.dumps({"version": VERSION, "checks": list(found)}, indent=2) + "\n")
    else:
        stores.RUST_PASSED.unlink(missing_ok=True)
    return passed


def _last(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1].strip()[:80] if lines else ""


def main() -> None:
    """`python -m deploy.local.store_rs`, behind `make store-rs`."""
    console = Console(stderr=True, highlight=False)
    try:
        fresh = build(console)
        if not fresh and stores.RUST_PASSED.exists():
            console.print("The Rust store is built and has passed its checks.")
            return
        passed = check(console)
    except Trouble as trouble:
        console.print(str(trouble), markup=False)
        sys.exit(1)
    console.print(
        "It passed: hamkke up uses it where nothing is stored yet. Where something is, the store that holds it stays; "
        "hamkke up --store rs changes over and begins empty, --store py goes back to what is there."
        if passed
        else "It did not pass, so it is not used; the Python store goes on serving."
    )
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
