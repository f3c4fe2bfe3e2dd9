"""Public counts that give nobody away: no cell under 5, and none that follows from the others (S-08 i). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

SMALL = 5


@dataclass(frozen=True)
class Cell:
    """How many live applications have this value; None where it would say too much."""

    feature: str
    value: str
    count: int | None


@dataclass(frozen=True)
class Counts:
    """A call's live applications, in total and per quota value."""

    total: int | None
    cells: tuple[Cell, ...]


def public(total: int, cells: Mapping[tuple[str, str], int]) -> Counts:
    """What may be shown of these counts. Each person has exactly one value of each feature.

    A feature with a small cell is hidden whole: hiding the small ones and as many others as they need says in which
    order they are, and with the total that can leave one world only.
    """
    hidden = {feature for (feature, _), n in cells.items() if n < SMALL}
    return Counts(
        total=None if total < SMALL else total,
        cells=tuple(Cell(*place, None if place[0] in hidden else n) for place, n in cells.items()),
    )
