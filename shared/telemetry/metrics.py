"""Prometheus metrics. Labels are names of our own making (routes, consumers, outcomes), never ids or persons."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

REGISTRY = CollectorRegistry()
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

_requests = Histogram(
    "hamkke_request_seconds", "Requests by route template.", ("service", "method", "route", "status"),
    buckets=_FAST, registry=REGISTRY,
)  # fmt: skip
_commands = Counter(
    "hamkke_commands_total", "Commands by name and outcome: accepted, refused, unavailable or broken.",
    ("service", "command", "outcome"), registry=REGISTRY,
)  # fmt: skip
_commits = Counter(
    "hamkke_commits_total",
    "Commits that reached the own views in this process: how the log grows.",
    ("service",),
    registry=REGISTRY,
)
_relay_age = Gauge(
    "hamkke_relay_lag_seconds",
    "Age of the last acknowledged commit while newer ones wait; else, and where another process follows, 0.",
    ("service",),
    registry=REGISTRY,
)
_view_lag = Gauge(
    "hamkke_view_lag_seconds",
    "Age of the last commits taken by the own views, when they took them; no news while views stand still.",
    ("service",),
    registry=REGISTRY,
)
_consumer_lag = Gauge("hamkke_consumer_lag_records", "Records of a partition that a consumer has not committed.",
                      ("service", "consumer", "topic", "partition"), registry=REGISTRY)  # fmt: skip
_settled = Counter("hamkke_records_total", "Records by what became of them.", ("service", "consumer", "outcome"),
                   registry=REGISTRY)  # fmt: skip
_parked = Gauge("hamkke_parked_records", "Records parked now.", ("service", "consumer"), registry=REGISTRY)
_dead = Gauge("hamkke_dead_records", "Records dead and not redriven.", ("service", "consumer"), registry=REGISTRY)
_ready = Gauge("hamkke_part_ready", "1 where a part of the service is ready.", ("service", "part"), registry=REGISTRY)

_known_requests: dict[tuple[str, str, str, int], Histogram] = {}
_known_commands: dict[tuple[str, str, str], Counter] = {}


def request(service: str, method: str, route: str, status: int, seconds: float) -> None:
    """A request was answered. `route` is the template."""
    key = (service, method, route, status)
    if key not in _known_requests:
        _known_requests[key] = _requests.labels(*map(str, key))
    _known_requests[key].observe(seconds)


def command(service: str, name: str, status: int) -> None:
    """A command was answered with this status."""
    outcome = (
        "accepted" if status < 400 else "refused" if status < 500 else "unavailable" if status == 503 else "broken"
    )
    key = (service, name, outcome)
    if key not in _known_commands:
        _known_commands[key] = _commands.labels(*key)
    _known_commands[key].inc()


def commits(service: str, followed: int) -> None:
    """So many commits reached the own views."""
    _commits.labels(service).inc(followed)


def relay_lag(service: str, seconds: float) -> None:
    """The broker has acknowledged everything but what was stored in the last so many seconds; 0 when it has all."""
    _relay_age.labels(service).set(seconds)


def view_lag(service: str, seconds: float) -> None:
    """The commits that the own views took last were this old then."""
    _view_lag.labels(service).set(seconds)


def consumer_lag(service: str, consumer: str, topic: str, partition: int, records: int) -> None:
    """A consumer is so many records behind on a partition."""
    _consumer_lag.labels(service, consumer, topic, str(partition)).set(records)


def settled(service: str, consumer: str, outcome: str, records: int = 1) -> None:
    """Records were applied, passed, dropped, parked or found dead."""
    _settled.labels(service, consumer, outcome).inc(records)


def parked(service: str, consumer: str, records: int) -> None:
    """So many records are parked now."""
    _parked.labels(service, consumer).set(records)


def dead(service: str, consumer: str, records: int) -> None:
    """So many records are dead and not redriven."""
    _dead.labels(service, consumer).set(records)


def part_ready(service: str, part: str, ready: bool) -> None:
    """A part of the service is ready, or not."""
    _ready.labels(service, part).set(ready)


def exposition() -> bytes:
    """All metrics of this process in Prometheus' text format."""
    return generate_latest(REGISTRY)
