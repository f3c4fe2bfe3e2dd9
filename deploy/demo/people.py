"""Invented volunteers: 2,000 of them by default, from the margins of an invented city's neighbourhood.

Each feature's shares are met exactly (largest remainder); the features are drawn independently of each other, so
no joint distribution is claimed. The same seed and number give the same pool on any machine.
"""

import random
from collections.abc import Mapping, Sequence

from deploy.demo.pool import Pool, Quota, Volunteer

SEED = 20260305
SEATS = 50
ADULTS: Mapping[str, Mapping[str, int]] = {
    "dong": {"ONSAEMI": 21_400, "SOLBIT": 16_900, "BARAM": 11_700},
    "sex": {"female": 25_690, "male": 24_310},
    "ageBand": {"19-34": 11_850, "35-49": 13_900, "50-64": 13_150, "65plus": 11_100},
}
"""The 50,000 adults of the Onsaemi Station neighbourhood (온새미동, 솔빛동, 바람동), by each feature alone."""

MOTIVES = (
    "밤에 아이와 걷는 길이 어두워서 바꾸고 싶습니다.",
    "역 앞 횡단보도 신호가 어르신께 너무 짧습니다.",
    "퇴근길 골목이 더 안전해지면 좋겠습니다.",
    "우리 동네 일을 함께 정해 보고 싶습니다.",
    "I would like to help make the way from the station safer at night.",
)


def invent(number: int, seed: int = SEED) -> Pool:
    """A pool of so many volunteers, `C-0001`, `C-0002`, …"""
    dice = random.Random(seed)
    columns: dict[str, list[str]] = {}
    for feature, adults in ADULTS.items():
        column = [value for value, count in shares(adults, number).items() for _ in range(count)]
        dice.shuffle(column)
        columns[feature] = column
    volunteers = [
        Volunteer(f"C-{n + 1:04d}", {feature: column[n] for feature, column in columns.items()}) for n in range(number)
    ]
    return Pool(quotas(), volunteers)


def quotas(seats: int = SEATS) -> list[Quota]:
    """The population's shares of the seats, one more or less allowed."""
    return [
        Quota(feature, value, max(0, count - 1), count + 1)
        for feature, adults in ADULTS.items()
        for value, count in shares(adults, seats).items()
    ]


def shares(adults: Mapping[str, int], number: int) -> dict[str, int]:
    """`number` split in proportion, by largest remainder; equal remainders by order."""
    total = sum(adults.values())
    found = {value: number * count // total for value, count in adults.items()}
    by_remainder = sorted(adults, key=lambda value: -(number * adults[value] % total))
    for value in by_remainder[: number - sum(found.values())]:
        found[value] += 1
    return found


def motive(place: int, motives: Sequence[str] = MOTIVES) -> str:
    """What the volunteer at this place of the pool writes."""
    return motives[place * 7 % len(motives)]
