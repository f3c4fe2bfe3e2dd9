"""A pool of volunteers and the quotas it is drawn to, and how both are written and read as the field's own files.

features.csv (`feature,value,min,max[,min_flex,max_flex]`) or categories.csv (`category,feature,min,max`), and respondents.csv
or candidates.csv (`id`, if there is one, names the person; then a column for each feature). UTF-8 with or without BOM, or CP949.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from deploy.demo.codes import codes_of
from deploy.local.trouble import Trouble

FEATURES, CATEGORIES = "features.csv", "categories.csv"
PEOPLE = ("respondents.csv", "candidates.csv")
COLUMNS = {FEATURES: ("feature", "value", "min", "max"), CATEGORIES: ("category", "feature", "min", "max")}
FLEX = ("min_flex", "max_flex")
MOST_QUOTAS, MOST_FEATURES, LARGEST = 100, 20, 100_000
"""What a call takes."""


class BadPool(Trouble):
    """A pool's files are not as they must be. One sentence with file, row and column; nothing was applied."""


@dataclass(frozen=True)
class Quota:
    """How many of the chosen must and may have this value."""

    feature: str
    value: str
    min: int
    max: int


@dataclass(frozen=True)
class Volunteer:
    """One person of the pool: an id of the pool's own, and a value for each feature."""

    id: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Pool:
    """Who volunteers, and what the panel must look like."""

    quotas: Sequence[Quota]
    volunteers: Sequence[Volunteer]

    @cached_property
    def features(self) -> dict[str, list[Quota]]:
        """The quotas by feature, in the order of the file."""
        found: dict[str, list[Quota]] = {}
        for quota in self.quotas:
            found.setdefault(quota.feature, []).append(quota)
        return found

    @cached_property
    def feature_codes(self) -> dict[str, str]:
        """Feature -> the machine word that the API takes for it."""
        return codes_of(self.features, "feature", letters_first=True)

    @cached_property
    def value_codes(self) -> dict[str, dict[str, str]]:
        """Feature -> value -> the machine word that the API takes for it."""
        return {name: codes_of([quota.value for quota in quotas], "value") for name, quotas in self.features.items()}

    @property
    def seats(self) -> tuple[int, int]:
        """The fewest and the most seats that meet every quota."""
        sums = [(sum(q.min for q in quotas), sum(q.max for q in quotas)) for quotas in self.features.values()]
        return max(low for low, _ in sums), min(high for _, high in sums)


def write_pool(pool: Pool, folder: Path) -> None:
    """Write features.csv and respondents.csv (UTF-8, LF) into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    names = list(pool.features)
    _write(folder / FEATURES, COLUMNS[FEATURES], ((q.feature, q.value, q.min, q.max) for q in pool.quotas))
    _write(folder / PEOPLE[0], ("id", *names), ((v.id, *(v.values[name] for name in names)) for v in pool.volunteers))


def read_pool(folder: Path) -> Pool:
    """The pool in a folder. Raises BadPool."""
    if not folder.is_dir():
        raise BadPool(f"There is no folder {folder}; --pool takes one with {FEATURES} and {PEOPLE[0]}.")
    quotas = list(_quotas(_the_one(folder, (FEATURES, CATEGORIES))))
    pool = Pool(quotas, list(_volunteers(_the_one(folder, PEOPLE), quotas)))
    low, high = pool.seats
    if low > high:
        widest = max(pool.features, key=lambda name: sum(q.min for q in pool.features[name]))
        raise BadPool(
            f"The quotas of {folder} cannot be met together: {widest} needs at least {low} seats, another feature allows {high}."
        )
    return pool


def _quotas(file: Path) -> Iterator[Quota]:
    rows = _rows(file)
    columns = COLUMNS[file.name]
    header = next(rows, (1, []))[1]
    if header not in ([*columns], [*columns, *FLEX]):
        raise BadPool(f"{file}, row 1: the header is {_shown(header)} and must be {','.join(columns)}.")
    seen: set[tuple[str, str]] = set()
    for number, row in rows:
        _complete(file, number, row, header)
        feature, value = row[0], row[1]
        low, high = (_count(file, number, columns[at], row[at]) for at in (2, 3))
        if (feature, value) in seen:
            raise BadPool(f"{file}, row {number}, column {columns[1]}: {feature} has {value!r} twice.")
        if low > high:
            raise BadPool(f"{file}, row {number}, column min: {low} is more than the maximum {high}.")
        seen.add((feature, value))
        yield Quota(feature, value, low, high)
    if not seen:
        raise BadPool(f"{file}, row 2: no quota is there, and a pool needs at least one.")
    if len(seen) > MOST_QUOTAS or len({feature for feature, _ in seen}) > MOST_FEATURES:
        raise BadPool(f"{file}: a call takes at most {MOST_QUOTAS} quotas of {MOST_FEATURES} features.")


def _volunteers(file: Path, quotas: Sequence[Quota]) -> Iterator[Volunteer]:
    allowed: dict[str, set[str]] = {}
    for quota in quotas:
        allowed.setdefault(quota.feature, set()).add(quota.value)
    rows = _rows(file)
    header = next(rows, (1, []))[1]
    for name in allowed:
        if header.count(name) != 1:
            wrong = "no column" if name not in header else "more than one column"
            raise BadPool(f"{file}, row 1: there is {wrong} {name}, and the quotas have that feature.")
    if header.count("id") > 1:
        raise BadPool(f"{file}, row 1: there is more than one column id.")
    seen: dict[str, int] = {}
    for number, row in rows:
        _complete(file, number, row, header)
        person = dict(zip(header, row, strict=True))
        for name, values in allowed.items():
            if person[name] not in values:
                known = ", ".join(sorted(values)[:8])
                raise BadPool(
                    f"{file}, row {number}, column {name}: {person[name]!r} is unknown; the quotas have {known}."
                )
        identity = person.get("id") or str(number - 1)
        if identity in seen:
            raise BadPool(f"{file}, row {number}, column id: {identity!r} is in row {seen[identity]} too.")
        seen[identity] = number
        yield Volunteer(identity, {name: person[name] for name in allowed})
    if not seen:
        raise BadPool(f"{file}, row 2: no volunteer is there.")


def _the_one(folder: Path, names: Sequence[str]) -> Path:
    found = [folder / name for name in names if (folder / name).is_file()]
    if not found:
        raise BadPool(f"{folder} holds neither {' nor '.join(names)}.")
    if len(found) > 1:
        raise BadPool(f"{folder} holds both {' and '.join(names)}; leave the one that is meant.")
    return found[0]


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    """The rows that are not empty, by the number of the line they end in, stripped."""
    reader = csv.reader(_text(file).splitlines(keepends=True), strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise BadPool(f"{file}, row {reader.line_num}: this is not CSV ({error}).") from None


def _text(file: Path) -> str:
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise BadPool(f"{file} cannot be read ({error.strerror}).") from None
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    row = raw[: _first_bad_byte(raw)].count(b"\n") + 1
    raise BadPool(f"{file}, row {row}: the text is neither UTF-8 nor CP949; save it as UTF-8.")


def _first_bad_byte(raw: bytes) -> int:
    try:
        raw.decode("cp949")
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _complete(file: Path, number: int, row: Sequence[str], header: Sequence[str]) -> None:
    if len(row) != len(header):
        raise BadPool(f"{file}, row {number}: {len(row)} cells, and the header has {len(header)} columns.")
    for name, cell in zip(header, row, strict=True):
        if not cell:
            raise BadPool(f"{file}, row {number}, column {name}: the cell is empty.")


def _count(file: Path, number: int, column: str, cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and int(cell[:7]) <= LARGEST and len(cell) <= 6):
        raise BadPool(f"{file}, row {number}, column {column}: {cell!r} is not a whole number from 0 to {LARGEST:,}.")
    return int(cell)


def _write(file: Path, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as output:
        writer = csv.writer(output, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _shown(header: Sequence[str]) -> str:
    return repr(",".join(header)[:80]) if header else "missing"
