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
    """What may be shown of these counts. Each person has exactly one value of each feature."""
    features = dict.fromkeys(feature for feature, _ in cells)
    hidden = set(cells) if total < SMALL else set[tuple[str, str]]()
    for feature in features:
        hidden |= _hidden({place: n for place, n in cells.items() if place[0] == feature})
    return Counts(
        total=None if total < SMALL else total,
        cells=tuple(Cell(*place, None if place in hidden else n) for place, n in cells.items()),
    )


def _hidden(cells: Mapping[tuple[str, str], int]) -> set[tuple[str, str]]:
    """Small cells; with them the next larger ones, until what is hidden is at least two cells and 5 people.

    Otherwise the total less the shown cells would be the hidden one, or a group that is itself too small.
    """
    by_size = sorted(cells, key=lambda place: (cells[place], place))
    hidden = [place for place in by_size if cells[place] < SMALL]
    if not hidden:
        return set()
    for place in by_size[len(hidden) :]:
        if len(hidden) > 1 and sum(cells[p] for p in hidden) >= SMALL:
            break
        hidden.append(place)
    return set(hidden)
