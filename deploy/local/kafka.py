"""Apache Kafka 4 without its archive: jars by Maven (`make kafka`), one KRaft node started by `java -cp`."""

import re
import secrets
import shutil
import subprocess
import sys
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from rich.console import Console

from deploy.local.home import PROJECT, TOOLS
from deploy.local.ports import LOOPBACK
from deploy.local.process import Launch
from deploy.local.trouble import Trouble

HERE = Path(__file__).parent / "kafka_jars"
JARS = TOOLS / "kafka"
MADE_FROM = JARS / ".made-from"
NEEDED_JAVA = 17
REMEDY = "install it (Debian: apt-get install openjdk-17-jre-headless), or leave --kafka away."


def java() -> str:
    """The java to run Kafka with. Raises Trouble where there is none, or too old a one."""
    found = shutil.which("java")
    if not found:
        raise Trouble(f"Apache Kafka needs Java 17, and there is no java here; {REMEDY}")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if not version or int(version[1]) < NEEDED_JAVA:
        raise Trouble(f"Apache Kafka needs Java 17; {found} is {said.splitlines()[0] if said else 'broken'}; {REMEDY}")
    return found


def require() -> None:
    """Raise Trouble unless `up --kafka` can work here."""
    java()
    if not MADE_FROM.exists():
        raise Trouble("Apache Kafka's jars are not here; type make kafka (it needs Maven, and fetches 45 MB once).")


def fetch() -> bool:
    """Fetch the jars that the pom names; False when they are there already. Raises Trouble."""
    java()
    pom = HERE / "pom.xml"
    if MADE_FROM.exists() and MADE_FROM.read_text() == pom.read_text():
        return False
    maven = shutil.which("mvn")
    if not maven:
        raise Trouble(
            "The jars are fetched by Maven, and there is no mvn here; install it (Debian: apt-get install maven) and type make kafka again."
        )
    shutil.rmtree(JARS, ignore_errors=True)
    JARS.mkdir(parents=True)
    log = PROJECT / "var" / "log" / "kafka-fetch.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [
        maven,
        "-B",
        "-q",
        "-f",
        str(pom),
        "dependency:copy-dependencies",
        f"-DoutputDirectory={JARS}",
        "-DincludeScope=runtime",
    ]
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise Trouble(f"Maven could not fetch the jars; check the network, and read why in {log}.")
    MADE_FROM.write_text(pom.read_text())
    return True


def prepare(data: Path, port: int, client_port: int, controller: int, advertised: str) -> Launch:
    """Write the node's settings, format its storage with a fresh cluster id the first time, and say how to start it.

    `port` is for us and says so to its clients; `client_port` is what services use and advertises `advertised`,
    so that a proxy can stand before it.
    """
    folder = data / "kafka"
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(_properties(folder / "log", port, client_port, controller, advertised))
    if not (folder / "log" / "meta.properties").exists():
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        cluster = f"H{cluster[1:]}"  # the tool takes an id that begins with "-" for an option
        command = [
            *_java(folder, 128),
            "kafka.tools.StorageTool",
            "format",
            "--standalone",
            "-t",
            cluster,
            "-c",
            str(properties),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Trouble(
                f"Apache Kafka's storage could not be formatted: {(done.stderr or done.stdout).strip().splitlines()[-1]}"
            )
    return Launch([*_java(folder, 384), "kafka.Kafka", str(properties)], patience=15)


def _java(folder: Path, heap: int) -> list[str]:
    flags = [
        f"-Xmx{heap}m",
        "-Xss512k",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:MaxMetaspaceSize=128m",
        "-XX:ReservedCodeCacheSize=64m",
    ]
    log4j = f"-Dlog4j2.configurationFile={HERE / 'log4j2.yaml'}"
    return [java(), *flags, "-Djava.awt.headless=true", f"-Djava.io.tmpdir={folder}", log4j, "-cp", f"{JARS}/*"]


def _properties(logs: Path, port: int, client_port: int, controller: int, advertised: str) -> str:
    values = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.bootstrap.servers": f"{LOOPBACK}:{controller}",
        "listeners": f"DIRECT://{LOOPBACK}:{port},CLIENTS://{LOOPBACK}:{client_port},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"DIRECT://{LOOPBACK}:{port},CLIENTS://{advertised},CONTROLLER://{LOOPBACK}:{controller}",
        "listener.security.protocol.map": "DIRECT:PLAINTEXT,CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "DIRECT",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": logs,
        "auto.create.topics.enable": "false",
        "offsets.topic.num.partitions": 3,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 100,
        "group.min.session.timeout.ms": 1000,
        "num.network.threads": 2,
        "num.io.threads": 2,
        "num.recovery.threads.per.data.dir": 1,
        "log.cleaner.dedupe.buffer.size": 16 << 20,
        "log.segment.bytes": 64 << 20,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


def embedded_cluster_id() -> str:
    """A fresh id for a broker that starts empty: an old id would promise old records."""
    return f"hamkke-{secrets.token_hex(8)}"


def main() -> None:
    """`python -m deploy.local.kafka fetch`, behind `make kafka`."""
    console = Console(stderr=True)
    try:
        with console.status("Fetching Apache Kafka's jars by Maven …"):
            fresh = fetch()
    except Trouble as trouble:
        console.print(str(trouble), highlight=False)
        sys.exit(1)
    console.print(
        f"Apache Kafka's jars are {'fetched' if fresh else 'here already'}. Type: .venv/bin/hamkke up --kafka",
        highlight=False,
    )


if __name__ == "__main__":
    main()
