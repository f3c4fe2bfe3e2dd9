"""What store and broker do to an operation: how long it takes, whether it happens, and whether anybody learns of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

GIVE_UP = 5.0
"""Seconds after which an unanswered operation is given up; an insert that is under way then lands until here."""
VERY_LATE = 12.0
"""Seconds until which any other write may land: nothing relies on these being punctual."""


class Fate(NamedTuple):
    """Seconds until it takes effect (None: never) and until the caller hears; `away`: it hears only StoreAway."""

    effect: float | None
    answer: float
    away: bool


@dataclass(slots=True)
class Faults:
    """Rates between 0 and 1. `calm` switches all of them off, as after the last fault of a schedule."""

    rng: Random
    lost: float = 0.0  # a request never arrives
    unknown: float = 0.0  # it happens, the answer never arrives
    late: float = 0.0  # a write that lands after its caller gave up waiting
    scattered: float = 0.0  # a batch of which any subset is stored, and nobody learns which
    slow: float = 0.0  # seconds instead of milliseconds
    twice: float = 0.0  # a send whose acknowledgement got lost inside the producer, which sends it again
    small: float = 0.0  # streams and scans return little at a time
    flaky: float = 0.0  # a consumer's function fails
    store_away: bool = False
    broker_away: bool = False
    calm: bool = False
    instant: bool = False
    counts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def none(cls, rng: Random) -> "Faults":
        """Nothing fails and nothing takes time."""
        return cls(rng, calm=True, instant=True)

    def delay(self) -> float:
        """Mostly around a millisecond, sometimes twenty; with `slow`, sometimes seconds."""
        if self.instant:
            return 0.0
        random = self.rng.random
        if self.slow and not self.calm and random() < self.slow:
            return random() * GIVE_UP * 0.8
        chance = random()
        return 0.0005 + chance * chance * chance * 0.02

    def store(self, write: bool, latest: float = GIVE_UP) -> Fate:
        """What happens to one operation of the store."""
        return self._fate(write, self.store_away, latest)

    def broker(self) -> Fate:
        """What happens to one send."""
        return self._fate(True, self.broker_away)

    def _fate(self, write: bool, away: bool, latest: float = GIVE_UP) -> Fate:
        if self.instant:
            return Fate(0.0, 0.0, False)
        delay = self.delay()
        if self.calm:
            return Fate(delay, delay, False)
        random = self.rng.random
        if away:
            return Fate(None, delay if random() < 0.7 else GIVE_UP, True)
        chance = random()
        if chance < self.lost:
            return Fate(None, delay if random() < 0.5 else GIVE_UP, True)
        if not write:
            return Fate(delay, delay if random() < 0.5 else delay + self.delay(), False)
        chance -= self.lost
        if chance < self.unknown:
            return Fate(delay, delay + (random() * 0.05 if random() < 0.5 else GIVE_UP), True)
        chance -= self.unknown
        if chance < self.late:
            return Fate(random() * latest, delay, True)
        return Fate(delay, delay if random() < 0.5 else delay + self.delay(), False)

    def scatter(self, size: int) -> Sequence[Fate] | None:
        """A fate for each document of a batch, or None when the batch fares as one."""
        if self.calm or self.store_away or not self.scattered or self.rng.random() >= self.scattered:
            return None
        answer, random = self.delay(), self.rng.random
        return [
            Fate(
                None if random() < 0.4 else (random() * answer if random() < 0.6 else random() * GIVE_UP), answer, True
            )
            for _ in range(size)
        ]

    def function_fails(self) -> bool:
        """Whether a consumer's function fails this time."""
        return bool(self.flaky) and not self.calm and self.rng.random() < self.flaky

    def stream_batch(self) -> int:
        """How many inserted documents one reply of a change stream holds at most."""
        return self.rng.randint(1, 3) if self.small and self.rng.random() < self.small else 200

    def scan_order(self, ids: list[str]) -> list[str]:
        """As inserted, by `_id` (where `@10` comes before `@2`), or any: a store's own order promises nothing."""
        order = 0 if self.instant else self.rng.randrange(3)
        if order == 1:
            ids.sort()
        elif order == 2:
            self.rng.shuffle(ids)
        return ids

    def scan_batch(self) -> int:
        """How many documents one reply of a scan holds."""
        return self.rng.randint(1, 3) if self.small and self.rng.random() < self.small else 500
