"""From samples to rows, and from rows to the report. Pure but for writing the file."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Sample:
    """One burst: its figure, and the CPU microseconds each process spent on one item of it."""

    value: float
    cpu: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    """One baseline burst and the candidate's right beside it."""

    baseline: Sample
    candidate: Sample

    @property
    def ratio(self) -> float:
        return self.candidate.value / self.baseline.value


@dataclass(frozen=True)
class Row:
    """One line of the report. `bar` bounds the ratio where there is a baseline, else the value; none where it failed."""

    name: str
    value: float | None
    unit: str
    baseline: float | None
    ratio: float | None
    bar: float | None
    met: bool
    samples: list[Any]


def at_least(name: str, unit: str, rounds: Sequence[Round], bar: float, floor: float = 0.0) -> Row:
    """A rate against a baseline's: the median ratio must reach the bar, and no round's may be below the floor."""
    ratios = [one.ratio for one in rounds]
    return _compared(name, unit, rounds, bar, median(ratios) >= bar and min(ratios) >= floor)


def at_most_times(name: str, unit: str, rounds: Sequence[Round], bar: float) -> Row:
    """A duration against a baseline's: the median ratio may not be above the bar."""
    return _compared(name, unit, rounds, bar, median(one.ratio for one in rounds) <= bar)


def at_most(name: str, unit: str, values: Sequence[float], bar: float, worst: bool = False) -> Row:
    """A figure without a baseline: its median (or its worst) may not be above the bar."""
    value = max(values) if worst else median(values)
    return Row(name, _short(value), unit, None, None, bar, value <= bar, [_short(one) for one in values])


def unmeasured(name: str) -> Row:
    """A row whose measurement failed: its bar is not met."""
    return Row(name, None, "", None, None, None, met=False, samples=[])


def _compared(name: str, unit: str, rounds: Sequence[Round], bar: float, met: bool) -> Row:
    return Row(
        name=name,
        value=_short(median(one.candidate.value for one in rounds)),
        unit=unit,
        baseline=_short(median(one.baseline.value for one in rounds)),
        ratio=round(median(one.ratio for one in rounds), 3),
        bar=bar,
        met=met,
        samples=[
            {"baseline": _sample(one.baseline), "candidate": _sample(one.candidate), "ratio": round(one.ratio, 3)}
            for one in rounds
        ],
    )


def _sample(sample: Sample) -> dict[str, Any]:
    return {"value": _short(sample.value), "cpu_us": {name: round(spent, 1) for name, spent in sample.cpu.items()}}


def _short(value: float) -> float:
    return round(value, 4 if abs(value) < 100 else 1)


def write(path: Path, rows: Sequence[Row], about: dict[str, Any]) -> None:
    """The report as a file: {…about, rows: [{name, value, unit, baseline, ratio, bar, met, samples}]}."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**about, "rows": [asdict(row) for row in rows]}, indent=2, ensure_ascii=False) + "\n")
