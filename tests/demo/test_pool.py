"""Pools are read as organisers have them, and what is wrong is said in one sentence, with file, row and column."""

from pathlib import Path

import pytest

from deploy.demo.people import invent
from deploy.demo.pool import BadPool, Quota, read_pool, write_pool

FEATURES = "feature,value,min,max\nsex,female,5,6\nsex,male,4,5\n"
PEOPLE = "id,sex\nA,female\nB,male\n"


def folder_with(folder: Path, **files: str | bytes) -> Path:
    for name, content in files.items():
        raw = content if isinstance(content, bytes) else content.encode()
        (folder / f"{name}.csv").write_bytes(raw)
    return folder


def complaint(folder: Path) -> str:
    with pytest.raises(BadPool) as found:
        read_pool(folder)
    return str(found.value)


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    pool = invent(60)
    write_pool(pool, tmp_path)
    assert read_pool(tmp_path) == pool
    assert (tmp_path / "features.csv").read_text().startswith("feature,value,min,max\ndong,ONSAEMI,")
    assert (tmp_path / "respondents.csv").read_text().startswith("id,dong,sex,ageBand\nC-0001,")


def test_the_fields_other_names_are_read_too(tmp_path: Path) -> None:
    folder_with(tmp_path, categories=FEATURES.replace("feature,value", "category,feature"), candidates=PEOPLE)
    pool = read_pool(tmp_path)
    assert pool.quotas[0] == Quota("sex", "female", 5, 6)
    assert [volunteer.id for volunteer in pool.volunteers] == ["A", "B"]


def test_without_an_id_the_row_names_the_person(tmp_path: Path) -> None:
    folder_with(tmp_path, features=FEATURES, respondents="sex,street\nfemale,x\nmale,x\n")
    assert [volunteer.id for volunteer in read_pool(tmp_path).volunteers] == ["1", "2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_korean_text_is_read_in_the_encodings_that_korean_offices_save(tmp_path: Path, encoding: str) -> None:
    features = "feature,value,min,max\n동,온새미동,1,2\n동,솔빛동,0,2\n".encode(encoding)
    folder_with(tmp_path, features=features, respondents="id,동\n가,온새미동\n나,솔빛동\n".encode(encoding))
    pool = read_pool(tmp_path)
    assert pool.volunteers[1].values == {"동": "솔빛동"}
    assert pool.feature_codes == {"동": "feature1"}
    assert pool.value_codes["동"] == {"온새미동": "value1", "솔빛동": "value2"}


def test_windows_lines_flexible_limits_and_empty_lines_are_no_trouble(tmp_path: Path) -> None:
    features = "feature,value,min,max,min_flex,max_flex\r\nsex,female,1,2,0,3\r\n\r\nsex,male,1,2,0,3\r\n"
    folder_with(tmp_path, features=features, respondents="id,sex\r\nA,female\r\n\r\n")
    assert read_pool(tmp_path).seats == (2, 4)


@pytest.mark.parametrize(
    ("features", "people", "says"),
    [
        (
            "feature,wert,min,max\nsex,female,1,2\n",
            PEOPLE,
            ["features.csv, row 1", "the header is 'feature,wert,min,max'"],
        ),
        ("", PEOPLE, ["features.csv, row 1", "the header is missing"]),
        ("feature,value,min,max\n", PEOPLE, ["features.csv, row 2", "no quota"]),
        (FEATURES + "sex,male,1,2\n", PEOPLE, ["features.csv, row 4, column value", "'male' twice"]),
        (FEATURES + "age,,1,2\n", PEOPLE, ["features.csv, row 4, column value", "the cell is empty"]),
        (FEATURES + "age,old,two,2\n", PEOPLE, ["features.csv, row 4, column min", "'two' is not a whole number"]),
        (FEATURES + "age,old,-1,2\n", PEOPLE, ["features.csv, row 4, column min", "'-1'"]),
        (FEATURES + "age,old,3,2\n", PEOPLE, ["features.csv, row 4, column min", "3 is more than the maximum 2"]),
        (FEATURES + "age,old,1\n", PEOPLE, ["features.csv, row 4", "3 cells, and the header has 4"]),
        (FEATURES, "id,gender\nA,female\n", ["respondents.csv, row 1", "no column sex"]),
        (FEATURES, "id,sex,sex\nA,female,male\n", ["respondents.csv, row 1", "more than one column sex"]),
        (FEATURES, "id,id,sex\nA,B,female\n", ["respondents.csv, row 1", "more than one column id"]),
        (
            FEATURES,
            PEOPLE + "C,diverse\n",
            ["respondents.csv, row 4, column sex", "'diverse' is unknown", "female, male"],
        ),
        (FEATURES, PEOPLE + "C,\n", ["respondents.csv, row 4, column sex", "the cell is empty"]),
        (FEATURES, PEOPLE + ",male\n", ["respondents.csv, row 4, column id", "the cell is empty"]),
        (FEATURES, PEOPLE + "A,male\n", ["respondents.csv, row 4, column id", "'A' is in row 2 too"]),
        (FEATURES, "id,sex\n", ["respondents.csv, row 2", "no volunteer"]),
        (FEATURES, 'id,sex\n"A,female\n', ["respondents.csv, row 2", "not CSV"]),
    ],
)
def test_what_is_wrong_is_said_with_file_row_and_column(
    tmp_path: Path, features: str, people: str, says: list[str]
) -> None:
    said = complaint(folder_with(tmp_path, features=features, respondents=people))
    assert all(words in said for words in says), said
    assert "\n" not in said


def test_bytes_of_no_known_encoding_are_refused_with_their_row(tmp_path: Path) -> None:
    said = complaint(folder_with(tmp_path, features=FEATURES, respondents=b"id,sex\nA,female\n\xff\xff,male\n"))
    assert "respondents.csv, row 3" in said
    assert "neither UTF-8 nor CP949" in said


def test_quotas_that_cannot_be_met_together_are_refused(tmp_path: Path) -> None:
    folder_with(tmp_path, features=FEATURES + "age,old,1,2\nage,young,1,2\n", respondents="id,sex,age\nA,male,old\n")
    assert "cannot be met together: sex needs at least 9 seats, another feature allows 4" in complaint(tmp_path)


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    assert "holds neither features.csv nor categories.csv" in complaint(tmp_path)
    assert "There is no folder" in complaint(tmp_path / "none")


def test_two_files_for_one_thing_are_refused(tmp_path: Path) -> None:
    folder_with(tmp_path, features=FEATURES, respondents=PEOPLE, candidates=PEOPLE)
    assert "holds both respondents.csv and candidates.csv" in complaint(tmp_path)


def test_the_example_pool_is_as_its_readme_says() -> None:
    folder = Path(__file__).parents[2] / "examples" / "pool"
    pool = read_pool(folder)
    assert (folder / "respondents.csv").read_bytes().startswith(b"\xef\xbb\xbfid,")
    assert len(pool.volunteers) == 60
    low, high = pool.seats
    assert low <= 12 <= high
    assert pool.value_codes["동"]["온새미동"] == "value1"
