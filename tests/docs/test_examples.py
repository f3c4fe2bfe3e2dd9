"""docs/examples: the programs of docs/integrate.md verify real records, and see what was changed."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from deploy.local import topics
from shared.broker.kafka import KafkaBroker
from shared.broker.port import Outgoing
from shared.contracts.cloudevents import chain_hash
from shared.contracts.recruitment import CALL
from tests.contracts.records import all_records
from tests.support.servers import EmbeddedBroker, EmbeddedStore

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
MODULES = ROOT / "var" / "node-examples"
KAFKAJS = "kafkajs@2.2.4"
EVENTS, STREAMS = len(all_records()), len({record.key for record in all_records()})
WHOLE = f"{EVENTS} events of {STREAMS} streams fit; 0 records do not."
Verify = Callable[[EmbeddedBroker], subprocess.CompletedProcess[str]]


@pytest.fixture
def broker(own_broker: EmbeddedBroker) -> EmbeddedBroker:
    """A broker with the topics of the contracts and one record of every event on them, one of them twice."""
    asyncio.run(topics.apply(own_broker.bootstrap, partitions=3))
    records = all_records()
    publish(own_broker, [*records, records[0]])
    return own_broker


@pytest.fixture(params=["python", "node", "shell"])
def verify(request: pytest.FixtureRequest, tmp_path: Path, embedded_store: EmbeddedStore) -> Iterator[Verify]:
    """Run one of the programs as docs/integrate.md says."""
    if request.param == "python":
        yield lambda broker: run([sys.executable, "verify_chain.py", *broker.bootstrap, *topics.names()])
    elif request.param == "node":
        environment = {"NODE_PATH": str(kafkajs()), "NODE_NO_WARNINGS": "1"}
        yield lambda broker: run(["node", "verify_chain.mjs", *broker.bootstrap, *topics.names()], environment)
    else:
        if missing := [tool for tool in ("bash", "jq", "sha256sum") if shutil.which(tool) is None]:
            pytest.skip(f"needs {', '.join(missing)}: apt-get install jq coreutils")
        yield lambda broker: run(["bash", "verify_chain.sh", str(dump(broker, embedded_store, tmp_path))])


def test_records_as_they_were_published_fit(broker: EmbeddedBroker, verify: Verify) -> None:
    done = verify(broker)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == WHOLE


def test_a_record_changed_on_its_way_does_not_fit(broker: EmbeddedBroker, verify: Verify) -> None:
    plan = next(record for record in all_records() if b'"seats":' in record.value)
    publish(broker, [plan._replace(value=plan.value.replace(b'"seats":', b'"seats":1'))])
    done = verify(broker)
    assert done.returncode == 1
    fits = (
        f"{EVENTS - 1} events of {STREAMS} streams fit",
        f"{EVENTS} events of {STREAMS} streams fit; 1 records do not.",
    )
    assert any(said in done.stdout for said in fits)
    assert "own hash" in done.stderr or "not an event" in done.stderr


def test_a_record_that_fits_itself_but_not_what_came_before_is_seen(broker: EmbeddedBroker, verify: Verify) -> None:
    publish(broker, [forged_after_the_last()])
    done = verify(broker)
    assert done.returncode == 1
    assert "call:c1@6 does not follow the version before" in done.stderr


def forged_after_the_last() -> Outgoing:
    """A sixth event of the call whose hash is its own, made by somebody who does not know the fifth's."""
    last = [record for record in all_records() if record.topic == CALL.topic][-1]
    names = {name: value.decode() for name, value in last.headers}
    names |= {"ce_id": "call:c1@6", "ce_streamversion": "6", "ce_prevhash": "0" * 64}
    hashed = {
        name.removeprefix("ce_"): value
        for name, value in names.items()
        if name not in ("content-type", "ce_specversion", "ce_prevhash", "ce_hash")
    }
    names["ce_hash"] = chain_hash("0" * 64, hashed, last.value)
    return last._replace(headers=[(name, value.encode()) for name, value in names.items()])


def publish(broker: EmbeddedBroker, records: Sequence[Outgoing]) -> None:
    async def send() -> None:
        kafka = KafkaBroker(broker.bootstrap, idempotent=False)
        sender = await kafka.sender()
        try:
            await sender.send(records)
        finally:
            await sender.close()
            await kafka.close()

    asyncio.run(send())


def dump(broker: EmbeddedBroker, store: EmbeddedStore, folder: Path) -> Path:
    """The topics as `hamkke events tail --json --from-start` shows them."""
    environment = {
        "HAMKKE_HOME": str(folder / "home"), "HAMKKE_STORE_URI": store.uri, "HAMKKE_BROKER": broker.bootstrap[0],
    }  # fmt: skip
    count = asyncio.run(records_on(broker))
    tail = ["-m", "deploy.cli.main", "events", "tail", "--json", "--from-start", "--limit", str(count - 1)]
    done = run([sys.executable, *tail], environment, ROOT)  # without the one repeat, which tail leaves out
    assert done.returncode == 0, done.stderr
    facts = folder / "facts.ndjson"
    facts.write_text(done.stdout)
    return facts


async def records_on(broker: EmbeddedBroker) -> int:
    kafka = KafkaBroker(broker.bootstrap, idempotent=False)
    try:
        return sum([len(found) for topic in topics.names() async for found in kafka.read(topic)])
    finally:
        await kafka.close()


def run(
    command: list[str], environment: dict[str, str] | None = None, folder: Path = EXAMPLES
) -> subprocess.CompletedProcess[str]:
    whole = os.environ | {"PYTHONPATH": str(ROOT)} | (environment or {})
    return subprocess.run(command, cwd=folder, env=whole, capture_output=True, text=True, timeout=100, check=False)


def kafkajs() -> Path:
    """The folder with kafkajs in it, fetched once."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node 18 and npm, to run the example for Node")
    modules = MODULES / "node_modules"
    if not (modules / "kafkajs" / "package.json").exists():
        fresh = MODULES.with_name(f"{MODULES.name}.{os.getpid()}")
        fresh.mkdir(parents=True, exist_ok=True)
        fetch = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", KAFKAJS]
        done = subprocess.run(fetch, cwd=fresh, capture_output=True, text=True, timeout=200, check=False)
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            pytest.skip(f"npm could not fetch {KAFKAJS}: {done.stderr.strip()[-300:]}")
        shutil.rmtree(MODULES, ignore_errors=True)
        try:
            fresh.rename(MODULES)
        except OSError:  # another test process was first
            shutil.rmtree(fresh, ignore_errors=True)
    return modules
