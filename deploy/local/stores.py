"""The stores this machine can run: SecantusDB's Python server, its Rust server where it has passed its checks, or mongod."""

import asyncio
import shutil
import time
from pathlib import Path

from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local.home import TOOLS
from deploy.local.ports import LOOPBACK
from deploy.local.process import Launch
from deploy.local.trouble import Trouble

KINDS = ("py", "rs", "mongod")
SURVIVES_SIGKILL = {"WIREDTIGER_CONFIG": "transaction_sync=(enabled=true,method=none)"}
"""Without it up to 11 acknowledged inserts were lost per SIGKILL. Covers a killed process, not a power cut."""

RUST = TOOLS / "rs" / "bin" / "secantusd-rs"
RUST_PASSED = TOOLS / "rs" / "passed.json"
PYTHON = TOOLS / "py" / "bin" / "secantusd-py"
CACHE = "128M"


def choose(wanted: str | None, data: Path) -> str:
    """The kind to start: the one asked for, else the one that this data folder was used with last.

    In a new folder: the Rust server where it has passed its checks, else the Python one. Raises Trouble.
    """
    kind = wanted or _used_last(data) or ("rs" if RUST.exists() and RUST_PASSED.exists() else "py")
    if kind not in KINDS:
        raise Trouble(
            f"The store {kind!r} is unknown; --store takes a mongodb:// address, or one of {', '.join(KINDS)}."
        )
    if kind == "py" and not PYTHON.exists():
        raise Trouble("The embedded store is not installed; type make setup.")
    if kind == "rs" and not RUST.exists():
        raise Trouble("The Rust store is not built; type make store-rs, or name another: --store py.")
    if kind == "rs" and not RUST_PASSED.exists():
        raise Trouble(
            "The Rust store did not pass its checks, so it is not used; type make store-rs to see why, or name another: --store py."
        )
    if kind == "mongod" and not shutil.which("mongod"):
        raise Trouble("mongod is not on this machine; install MongoDB 8, or name another store: --store py.")
    return kind


def _used_last(data: Path) -> str | None:
    used = [folder for kind in KINDS if (folder := data / f"store-{kind}").exists()]
    return max(used, key=lambda folder: folder.stat().st_mtime).name.removeprefix("store-") if used else None


def launch(kind: str, port: int, data: Path) -> Launch:
    """How to start it; each kind has a data folder of its own."""
    folder = data / f"store-{kind}"
    folder.mkdir(parents=True, exist_ok=True)
    folder.touch()  # it is the one used last
    where = ["--port", str(port)]
    if kind == "mongod":
        return Launch(
            [
                "mongod",
                "--bind_ip",
                LOOPBACK,
                *where,
                "--dbpath",
                str(folder),
                "--replSet",
                "hamkke",
                "--wiredTigerCacheSizeGB",
                "0.25",
            ],
            patience=15,
        )
    # --log-file-max: a log file is allocated whole, so this is the size of an empty store
    binary, more = (RUST, ["--log-file-max", "16MB"]) if kind == "rs" else (PYTHON, [])
    command = [
        str(binary),
        "--host",
        LOOPBACK,
        *where,
        "--storage-path",
        str(folder),
        "--cache-size",
        CACHE,
        "--log-level",
        "WARNING",
        *more,
    ]
    # one malloc arena: with the default of one per thread the server's memory grows with its clients
    return Launch(command, SURVIVES_SIGKILL | {"MALLOC_ARENA_MAX": "1"}, patience=10)


def uri(kind: str, address: str) -> str:
    """The address for clients. The embedded store remembers writes for retries by a slow search, so there it is off."""
    return f"mongodb://{address}/?directConnection=true&retryWrites={'true' if kind == 'mongod' else 'false'}"


async def ready(where: str, patience: float, replica_set: bool = False) -> bool:
    """Whether it answers (and has a primary that takes writes) within `patience` seconds. Raises Trouble."""
    try:
        client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(where, serverSelectionTimeoutMS=250)
    except (PyMongoError, ValueError) as wrong:
        raise Trouble(f"--store is not a usable address: {str(wrong).rstrip('.')}.") from None
    until = time.monotonic() + patience
    try:
        while time.monotonic() < until:
            try:
                if (await client.admin.command("hello")).get("isWritablePrimary"):
                    return True
                if replica_set:
                    await client.admin.command("replSetInitiate", {})
            except OperationFailure as refused:
                if refused.code != 23:  # AlreadyInitialized: on its way to primary
                    raise Trouble(f"The store refuses to work: {refused.details or refused}.") from None
            except PyMongoError:
                pass  # not there yet
            await asyncio.sleep(0.05)
    finally:
        await client.close()
    return False
