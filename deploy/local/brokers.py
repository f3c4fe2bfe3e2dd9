"""The brokers this machine can run: Tansu (in memory, forgets on restart) and Apache Kafka (keeps its records)."""

from pathlib import Path

from deploy.local import kafka
from deploy.local.home import TOOLS
from deploy.local.ports import LOOPBACK
from deploy.local.process import Launch
from deploy.local.trouble import Trouble

TANSU = TOOLS / "py" / "bin" / "tansu"


def require(with_kafka: bool) -> None:
    """Raise Trouble unless the broker can be started here."""
    if with_kafka:
        kafka.require()
    elif not TANSU.exists():
        raise Trouble("The embedded broker is not installed; type make setup.")


def tansu(port: int, advertised: str) -> Launch:
    """How to start an empty Tansu, under a cluster id that no checkpoint has ever seen."""
    listener = ["--listener-url", f"tcp://{LOOPBACK}:{port}", "--advertised-listener-url", f"tcp://{advertised}"]
    return Launch(
        [
            str(TANSU),
            "broker",
            "--cluster-id",
            kafka.embedded_cluster_id(),
            *listener,
            "--storage-engine",
            "memory://tansu/",
            "--silent",
        ],
        {"RUST_LOG": "warn"},
        patience=0.3,  # it does not listen to SIGTERM, and has nothing to save
    )


def service_settings(with_kafka: bool) -> dict[str, str]:
    """What services must know of the broker's kind (Tansu knows no idempotent producer and polls its fetches)."""
    return {
        "HAMKKE_IDEMPOTENT_PRODUCER": str(with_kafka).lower(),
        "HAMKKE_FETCH_WAIT_MS": "100" if with_kafka else "20",
    }


def apache(data: Path, port: int, client_port: int, controller: int, advertised: str) -> Launch:
    """How to start Apache Kafka; formats its storage the first time."""
    return kafka.prepare(data, port, client_port, controller, advertised)
