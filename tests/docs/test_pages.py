"""The pages name what is there: links, words of make and of the command line, and nothing of one machine."""

import re
from itertools import pairwise
from pathlib import Path

import pytest
import typer

from deploy.cli.main import app
from tests.simulation.mutants import MUTANTS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "services").rglob("README.md")], key=str)
TEXTS = {str(page.relative_to(ROOT)): page.read_text() for page in PAGES}
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
WORDS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", TEXTS)
def test_every_link_leads_somewhere(name: str) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)\s]+)\)", TEXTS[name]):
        path, _, anchor = target.partition("#")
        there = ((ROOT / name).parent / path) if path else ROOT / name
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("name", TEXTS)
def test_every_word_of_make_exists(name: str) -> None:
    used = set(re.findall(r"(?:`|^\$ )make ([a-z-]+)", TEXTS[name], re.MULTILINE))
    assert used <= WORDS


@pytest.mark.parametrize("name", TEXTS)
def test_every_verb_of_the_command_line_and_its_options_exist(name: str) -> None:
    for line in re.findall(r"(?:`|^\$ )(?:\.venv/bin/)?hamkke ([^`\n#>]+)", TEXTS[name], re.MULTILINE):
        command, words = typer.main.get_command(app), line.split()
        while words and (inner := getattr(command, "commands", {}).get(words[0])):
            command = inner
            del words[0]
        if hasattr(command, "commands"):
            assert not words or "|" in words[0] or words[0].startswith("-"), f"hamkke {line}"
            continue
        options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        used = {word.strip("[],.;:()") for word in words}
        assert {word for word in used if word.startswith("--")} <= options, f"hamkke {line}"


@pytest.mark.parametrize("name", TEXTS)
def test_no_page_knows_one_machine(name: str) -> None:
    assert not re.search(r"(?<![\w.])/(?:root|home|tmp|work)/", TEXTS[name])


def test_every_rule_that_code_or_mutants_name_stands_in_the_protocol() -> None:
    rules = set(re.findall(r"^- \*\*([A-Z]\d)\*\*", TEXTS["docs/protocol.md"], re.MULTILINE))
    named = {name.partition("-")[0] for name in MUTANTS}
    for file in [path for place in ("shared", "services", "deploy", "tests") for path in (ROOT / place).rglob("*.py")]:
        for group in re.findall(r"protocol\.md ((?:[A-Z]\d(?:, |-)?)+)", file.read_text()):
            named |= set(re.findall(r"[A-Z]\d", group))
    assert len(rules) == 9 + 1 + 6 + 7 + 2
    assert named <= rules


@pytest.mark.parametrize("place", ["shared", "services", "deploy", "docs"])
def test_no_text_cites_a_page_that_is_not_here(place: str) -> None:
    pages = {path.name for path in PAGES}
    for file in [path for path in (ROOT / place).rglob("*") if path.suffix in (".py", ".md", ".json", ".sh")]:
        cited = set(re.findall(r"\b[\w-]+\.md\b", file.read_text()))
        assert cited <= pages, file
        assert not re.search(r"architecture\.md \d|pitfalls", file.read_text()), file


def test_every_decision_is_on_the_list_and_says_what_else_there_was() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    for page in DECISIONS:
        text = page.read_text()
        assert f"]({page.name})" in index
        found = [text.find(f"**{part}.**") for part in ("Context", "Decision", "Consequences", "Alternatives")]
        assert all(0 < before < after for before, after in pairwise(found)), page.name
        assert re.search(r"\*\*Decision\.\*\* \*[^*]+\*", text), f"{page.name}: one sentence to quote"
        assert len(text.split()) < 600, f"{page.name}: one page"
