"""Invented volunteers are the same everywhere, and each feature's shares are the neighbourhood's."""

from collections import Counter

import pytest

from deploy.demo.codes import codes_of
from deploy.demo.people import ADULTS, SEATS, invent, shares


def test_the_same_seed_invents_the_same_people() -> None:
    assert invent(200) == invent(200)
    assert invent(200).volunteers != invent(200, seed=1).volunteers
    assert dict(invent(2_000).volunteers[1999].values) == {"dong": "SOLBIT", "sex": "male", "ageBand": "35-49"}


def test_two_thousand_people_have_the_margins_of_the_neighbourhood() -> None:
    pool = invent(2_000)
    assert len({volunteer.id for volunteer in pool.volunteers}) == 2_000
    for feature, adults in ADULTS.items():
        found = Counter(volunteer.values[feature] for volunteer in pool.volunteers)
        assert {value: found[value] * 25 for value in adults} == pytest.approx(adults, abs=25)


@pytest.mark.parametrize("number", [1, 7, 60, 137, 2_000])
def test_shares_add_up_and_none_is_a_whole_person_off(number: int) -> None:
    for adults in ADULTS.values():
        found = shares(adults, number)
        assert sum(found.values()) == number
        total = sum(adults.values())
        assert all(abs(found[value] - number * adults[value] / total) < 1 for value in adults)


def test_the_quotas_of_fifty_seats_are_the_shares_one_more_or_less() -> None:
    pool = invent(60)
    dongs = {quota.value: (quota.min, quota.max) for quota in pool.features["dong"]}
    assert dongs == {"ONSAEMI": (20, 22), "SOLBIT": (16, 18), "BARAM": (11, 13)}
    low, high = pool.seats
    assert low <= SEATS <= high


def test_names_that_are_no_machine_words_get_some_that_are_and_none_gets_anothers() -> None:
    assert codes_of(["65plus", "65+", "65 +", "Île", "동"], "value") == {
        "65plus": "65plus",
        "65+": "65",
        "65 +": "value3",
        "Île": "Ile",
        "동": "value5",
    }
    assert codes_of(["2nd"], "feature", letters_first=True) == {"2nd": "feature1"}
    assert codes_of(["value2", "동"], "value") == {"value2": "value2", "동": "value2x"}
