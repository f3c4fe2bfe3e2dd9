"""Public counts show no group of fewer than 5 people, and none can be recomputed from what is shown."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.recruitment.domain.counts import SMALL, Counts, public

MOST = 24


def shown(counts: Counts) -> dict[str, int | None]:
    return {cell.value: cell.count for cell in counts.cells}


def of_dong(**cells: int) -> Counts:
    return public(sum(cells.values()), {("dong", value): n for value, n in cells.items()})


def of_sizes(sizes: Sequence[int]) -> Counts:
    return public(sum(sizes), {("f", f"v{number}"): n for number, n in enumerate(sizes)})


def test_large_groups_are_shown() -> None:
    counts = of_dong(onsaemi=21, solbit=17, baram=12)
    assert counts.total == 50
    assert shown(counts) == {"onsaemi": 21, "solbit": 17, "baram": 12}


def test_a_small_group_hides_the_whole_feature() -> None:
    assert shown(of_dong(onsaemi=21, solbit=17, baram=4)) == {"onsaemi": None, "solbit": None, "baram": None}


def test_an_empty_group_is_small_too() -> None:
    assert shown(of_dong(onsaemi=21, solbit=17, baram=0)) == {"onsaemi": None, "solbit": None, "baram": None}


def test_fewer_than_five_people_in_all_show_nothing() -> None:
    counts = of_dong(onsaemi=4, solbit=0)
    assert counts.total is None
    assert set(shown(counts).values()) == {None}


def test_each_feature_is_protected_by_itself() -> None:
    counts = public(20, {("sex", "female"): 10, ("sex", "male"): 10, ("age", "19-34"): 18, ("age", "35-49"): 2})
    assert shown(counts) == {"female": 10, "male": 10, "19-34": None, "35-49": None}


@pytest.mark.parametrize("cells", [2, 3, 4])
def test_what_is_published_leaves_each_small_group_at_least_two_sizes(cells: int) -> None:
    """Whoever knows the rule lists all worlds that publish the same. Up to a total, so that no world is left out."""
    worlds: defaultdict[Counts, list[tuple[int, ...]]] = defaultdict(list)
    for sizes in product(range(MOST + 1), repeat=cells):
        if sum(sizes) <= MOST:
            worlds[of_sizes(sizes)].append(sizes)
    for counts, possible in worlds.items():
        for number in range(cells):
            sizes_of_one = {sizes[number] for sizes in possible}
            assert len(sizes_of_one) > 1 or min(sizes_of_one) >= SMALL, (counts, possible)


@given(st.lists(st.integers(0, 40), min_size=2, max_size=8))
def test_no_group_under_five_is_shown(sizes: list[int]) -> None:
    counts = of_sizes(sizes)
    assert all(cell.count is None or cell.count >= SMALL for cell in counts.cells)
    assert counts.total is None or counts.total >= SMALL
