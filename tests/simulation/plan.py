"""A schedule: what clients ask and what goes wrong, drawn from a seed. Dropping any line of it leaves a schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

KNOBS = ("lost", "unknown", "late", "scattered", "slow", "small", "twice", "flaky")
PUBLISHERS = ("p0", "p1")
CONSUMERS = ("c0", "c1")
POISON = (
    "garbage",
    "tombstone",
    "wrong-hash",
    "bad-header",
    "repeated-header",
    "forged-next",
    "forged-far",
    "rival",
    "no-key",
)

VERBS = {"add": 8.0, "pair": 3.0, "remove": 3.0, "cast": 1.0, "close": 1.2, "open": 1.2}
OPTIONS = {"": 6.0, "repeat": 2.0, "changed": 1.0, "if-match": 1.0, "impatient": 3.0}
FAULTS = {
    "kill": 4.0, "stop": 4.0, "store-away": 2.0, "broker-away": 2.0, "empty": 2.0, "stream-lost": 1.5,
    "rebalance": 2.0, "poison": 3.0, "early": 2.0, "erase": 2.0, "audit": 0.5, "redrive": 0.5,
}  # fmt: skip


@dataclass(frozen=True)
class Action:
    """At `at` seconds, `what` happens with `args`."""

    at: float
    what: str
    args: tuple[Any, ...] = ()

    def __str__(self) -> str:
        return f"{self.at:7.3f}  {self.what} {' '.join(map(str, self.args))}"


@dataclass(frozen=True)
class Plan:
    """`seed` also draws every delay and every small fault, at the rates of `knobs`."""

    seed: str
    length: float
    rebuilds: bool
    audits: bool
    knobs: dict[str, float]
    actions: tuple[Action, ...]

    def without(self, dropped: set[int]) -> "Plan":
        return replace(self, actions=tuple(a for n, a in enumerate(self.actions) if n not in dropped))

    def __str__(self) -> str:
        knobs = ", ".join(f"{name} {rate:.2f}" for name, rate in self.knobs.items() if rate) or "none"
        lines = [f"seed {self.seed}, {self.length:.1f} s, rates: {knobs}{', rebuilt' if self.rebuilds else ''}"]
        return "\n".join([*lines, *map(str, self.actions)])


def plan_of(seed: str, favour: Mapping[str, float] | None = None) -> Plan:
    """The schedule of a seed. `favour` multiplies how often a fault, a verb, an option or a rate comes."""
    favour = favour or {}
    rng = Random(f"plan/{seed}")
    longer = favour.get("long", 1)
    length = _pick(rng, {2.0: 1, 4.0: 1, 8.0: longer, 14.0: longer, 60.0: 0.3 * longer})
    knobs = {name: _pick(rng, _rates(favour.get(name, 1.0))) for name in KNOBS}
    people = _pick(rng, {1: favour.get("few", 1), 2: 1, 3: 2})
    actions = [Action(0.0, "ask", (0, "open", "g0"))]
    actions += [_ask(rng, number, length, people, favour) for number in range(1, rng.randint(4, 16))]
    for _ in range(rng.choice((0, 1, 2, 3, 5))):
        actions.append(_fault(rng, length, people, favour, actions))
    audits = "no-audit" not in favour
    rebuilds = audits and rng.random() < 0.1
    return Plan(seed, length, rebuilds, audits, knobs, tuple(sorted(actions, key=lambda action: action.at)))


def _ask(rng: Random, number: int, length: float, people: int, favour: Mapping[str, float]) -> Action:
    """`ask number verb stream items… options`; options say how the client behaves afterwards."""
    verb, option = _pick(rng, VERBS, favour), _pick(rng, OPTIONS, favour)
    # in bursts as often as spread: those who arrive together share a batch
    at = rng.random() * length if rng.random() < 0.5 else rng.randrange(4) * length / 4 + rng.random() * 0.01
    if verb in ("open", "close"):
        return Action(at, "ask", (number, verb, rng.choice(("g0", "g0", "g1")), option))
    if verb == "cast":
        return Action(at, "ask", (number, verb, f"b{rng.randrange(2)}", f"x{rng.randrange(3)}", option))
    person, gate = f"n{rng.randrange(people)}", rng.choice(("g0", "g0", "g0", "g1"))
    items = [f"i{rng.randrange(4)}"] + ([f"i{rng.randrange(4, 6)}"] if verb == "pair" else [])
    return Action(at, "ask", (number, verb, person, gate, *items, option))


def _fault(rng: Random, length: float, people: int, favour: Mapping[str, float], asked: Sequence[Action]) -> Action:
    """Anywhere, or in the middle of what a request sets off."""
    at = rng.random() * length if rng.random() < 0.5 else rng.choice(asked).at + rng.random() ** 2 * 0.2
    what = _pick(rng, FAULTS, favour)
    anyone = rng.choice((*PUBLISHERS, *PUBLISHERS, *CONSUMERS))
    args: tuple[Any, ...] = {
        "kill": (anyone, round(rng.choice((0.1, 1.0, 6.0)) * rng.random(), 3)),
        "stop": (anyone, round(rng.choice((rng.random() * 0.5, 3.0 + rng.random() * 1.5, rng.random() * 12.0)), 3)),
        "store-away": (round(rng.choice((0.3, 3.0, 7.0)) * rng.random(), 3),),
        "broker-away": (round(rng.choice((0.3, 3.0, 7.0)) * rng.random(), 3),),
        "empty": (rng.choice(("new-id", "same-id")),),
        "early": (rng.randrange(100),),
        "poison": (_pick(rng, dict.fromkeys(POISON, 1.0), favour), f"n{rng.randrange(people)}"),
        "erase": (f"n{rng.randrange(people)}", rng.choice(PUBLISHERS)),
    }.get(what, ())
    return Action(at, what, args)


def _rates(favour: float) -> dict[float, float]:
    return {0.0: 2, 0.02: min(favour, 1), 0.1: favour, 0.3: favour}


def _pick(rng: Random, weights: Mapping[Any, float], favour: Mapping[str, float] | None = None) -> Any:
    favour = favour or {}
    return rng.choices(list(weights), [weight * favour.get(name, 1.0) for name, weight in weights.items()])[0]
