"""What happens when, made from the seed alone: the same seed and length give the same schedule."""

from dataclasses import asdict, dataclass
from random import Random
from typing import Any

SERVICES = ("recruitment", "notifications")
PROCESSES = tuple(f"{service}{suffix}" for service in SERVICES for suffix in ("", ".2"))
LEASE = 4.0  # seconds
SCENARIOS: dict[str, tuple[str, ...]] = {
    # stall: frozen past the deadline of 5 s, then cut, so that what was under way is gone
    "kills": ("kill", "kill-owner"),
    "stops": ("pause", "pause-owner"),
    "store": ("kill-store", "hold-store"),
    "broker": ("kill-broker", "hold-broker"),
    "cuts": (
        "cut-store", "cut-broker", "delay-store", "delay-broker", "freeze-store", "freeze-broker", "stall-store",
        "stall-broker",
    ),
    "broker-stalls": ("stall-broker",),
    "store-trouble": ("hold-store", "kill-store", "stall-store", "stall-store", "freeze-store", "cut-store", "cut-store"),
    "store-stalls": ("stall-store",),
    "rebalance": ("rebalance",),
    "poison": ("poison", "poison-burst"),
}  # fmt: skip
"""Names for `--scenario`; without it, all of them."""
DEFAULT = ("kills", "stops", "store", "broker", "cuts", "rebalance", "poison")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong: when (seconds from the beginning), what, to whom, for how long."""

    at: float
    what: str
    whom: str = ""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def schedule(seed: int, seconds: float, scenario: str | None = None) -> list[Fault]:
    """A fault every second or so; each kind at least once before any kind comes again."""
    rng = Random(f"faults/{seed}")
    kinds = [what for name in ([scenario] if scenario else DEFAULT) for what in SCENARIOS[name]]
    apart = max(0.9, min(2.5, seconds / (1.5 * len(kinds))))
    faults: list[Fault] = []
    at, bag = 1.0, list[str]()
    while at < seconds:
        if not bag:
            bag = rng.sample(kinds, len(kinds))
        faults.append(_fault(rng, round(at, 2), bag.pop()))
        at += apart * (0.5 + rng.random())
    return faults


def _fault(rng: Random, at: float, what: str) -> Fault:
    def between(low: float, high: float) -> float:
        return round(low + rng.random() * (high - low), 2)

    match what:
        case "kill":
            return Fault(at, what, rng.choice(PROCESSES))
        case "kill-listener":
            return Fault(at, "kill", rng.choice(("notifications", "notifications.2")))
        case "pause":
            return Fault(at, what, rng.choice(PROCESSES), between(LEASE + 0.5, LEASE + 3))
        case "pause-owner":
            return Fault(at, what, "recruitment", between(LEASE + 0.5, LEASE + 3))
        case "kill-owner":
            return Fault(at, what, "recruitment")
        case "hold-store" | "hold-broker":
            return Fault(at, "hold", what.partition("-")[2], between(0.5, 4))
        case "kill-store" | "kill-broker":
            return Fault(at, "kill", what.partition("-")[2])
        case "rebalance":
            return Fault(at, what, "notifications", between(3, 8))  # the one with consumers
        case "poison" | "poison-burst":
            return Fault(at, what)
    do, _, gate = what.partition("-")
    lasting = {"cut": 0.0, "delay": between(1, 4), "freeze": between(0.5, 6), "stall": between(5.5, 7)}
    return Fault(at, do, gate, lasting[do])
