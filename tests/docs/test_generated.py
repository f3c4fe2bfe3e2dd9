"""What is generated into the documentation is what the code says today."""

import subprocess
import sys
from pathlib import Path

import pytest

from deploy import docs
from shared.contracts.catalogue import events, published


def test_the_table_of_events_in_the_architecture_page_is_fresh() -> None:
    page = docs.PAGE.read_text()
    assert docs.BEGIN in page
    assert docs.with_table(page) == page, "`make docs` writes it again"


def test_the_table_names_every_event_its_topic_and_who_listens() -> None:
    table = docs.event_table()
    [submitted] = [row for row in table.splitlines() if row.startswith("| ApplicationSubmitted |")]
    assert "| recruitment | `hamkke.recruitment.application` | services | notifications, `inbox`" in submitted
    assert "| tell it arrived" in submitted
    assert "| CallOpened | recruitment | `hamkke.recruitment.call` | public | - | - |" in table
    assert len(table.splitlines()) == 2 + len(events()) == 2 + sum(len(kind.events) for kind in published())


def test_the_example_of_settings_is_fresh_and_is_what_the_command_line_prints() -> None:
    assert docs.ENV_EXAMPLE.read_text() == docs.env_example(), "`make docs` writes it again"
    printed = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "settings", "--env"], capture_output=True, text=True, check=True
    )
    assert printed.stdout == docs.env_example()


def test_the_check_names_what_is_not_fresh_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(docs, "ROOT", tmp_path)
    monkeypatch.setattr(docs, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(docs, "ENV_EXAMPLE", tmp_path / ".env.example")
    monkeypatch.setattr(docs.sys, "argv", ["docs", "--check"])
    old = f"before\n{docs.BEGIN}\nold\n{docs.END}\nafter\n"
    docs.PAGE.write_text(old)
    assert docs.main() == 1
    said = capsys.readouterr().err
    assert "page.md is not fresh" in said
    assert ".env.example is not fresh" in said
    assert docs.PAGE.read_text() == old
    assert not docs.ENV_EXAMPLE.exists()
