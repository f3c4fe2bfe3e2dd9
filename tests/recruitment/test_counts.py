"""Public counts show no group of fewer than 5 people, and none can be recomputed from what is shown."""

from hypothesis import given
from hypothesis import strategies as st

from services.recruitment.domain.counts import SMALL, Counts, public


def shown(counts: Counts) -> dict[str, int | None]:
    return {cell.value: cell.count for cell in counts.cells}


def of_dong(**cells: int) -> Counts:
    return public(sum(cells.values()), {("dong", value): n for value, n in cells.items()})


def test_large_groups_are_shown() -> None:
    counts = of_dong(onsaemi=21, solbit=17, baram=12)
    assert counts.total == 50
    assert shown(counts) == {"onsaemi": 21, "solbit": 17, "baram": 12}


def test_a_single_small_group_takes_the_next_one_with_it() -> None:
    assert shown(of_dong(onsaemi=21, solbit=17, baram=4)) == {"onsaemi": 21, "solbit": None, "baram": None}


def test_two_small_groups_that_are_a_group_of_five_together_stay_by_themselves() -> None:
    assert shown(of_dong(onsaemi=21, solbit=4, baram=3)) == {"onsaemi": 21, "solbit": None, "baram": None}


def test_two_small_groups_that_are_too_small_together_take_one_more() -> None:
    assert shown(of_dong(onsaemi=21, solbit=9, baram=1, noeul=1)) == {
        "onsaemi": 21,
        "solbit": None,
        "baram": None,
        "noeul": None,
    }


def test_an_empty_group_is_small_too() -> None:
    assert shown(of_dong(onsaemi=21, solbit=17, baram=0)) == {"onsaemi": 21, "solbit": None, "baram": None}


def test_fewer_than_five_people_in_all_show_nothing() -> None:
    counts = of_dong(onsaemi=4, solbit=0)
    assert counts.total is None
    assert set(shown(counts).values()) == {None}


def test_each_feature_is_protected_by_itself() -> None:
    counts = public(20, {("sex", "female"): 10, ("sex", "male"): 10, ("age", "19-34"): 18, ("age", "35-49"): 2})
    assert shown(counts) == {"female": 10, "male": 10, "19-34": None, "35-49": None}


@given(st.lists(st.integers(0, 40), min_size=2, max_size=8))
def test_what_is_hidden_is_never_one_cell_nor_fewer_than_five_people(sizes: list[int]) -> None:
    counts = public(sum(sizes), {("f", f"v{i}"): n for i, n in enumerate(sizes)})
    assert all(cell.count is None or cell.count >= SMALL for cell in counts.cells)
    hidden = [cell for cell in counts.cells if cell.count is None]
    if hidden and counts.total is not None:
        assert len(hidden) > 1
        assert counts.total - sum(cell.count or 0 for cell in counts.cells) >= SMALL
