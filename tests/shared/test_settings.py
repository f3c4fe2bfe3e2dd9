"""Settings: what they are by default, and the one sentence that a wrong one gets."""

from pathlib import Path

import pytest

from shared.http.keys import make_keys
from shared.moments import moment
from shared.settings import Secrets, Settings, SettingsError, load_settings


def test_an_empty_environment_is_the_embedded_profile() -> None:
    settings = load_settings({})
    assert (settings.profile, settings.partitions, settings.fetch_wait_ms) == ("embedded", 3, 20)
    assert not settings.idempotent_producer
    assert settings.secret_file == Path("var/keys/secret")


def test_a_profile_brings_its_own_defaults_and_a_variable_wins_over_them() -> None:
    settings = load_settings({"HAMKKE_PROFILE": "compose", "HAMKKE_PARTITIONS": "5", "HAMKKE_HOME": "/srv/h"})
    assert (settings.partitions, settings.idempotent_producer) == (5, True)
    assert settings.jwks_file == Path("/srv/h/keys/jwks.json")


def test_addresses_and_ports_are_given_with_commas() -> None:
    settings = load_settings({"HAMKKE_BROKER": "a:1, b:2", "HAMKKE_PORTS": "recruitment=9001,notifications=9002"})
    assert settings.broker == ["a:1", "b:2"]
    assert settings.ports == {"recruitment": 9001, "notifications": 9002}


def test_the_process_environment_reads_the_same_way(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("HAMKKE_PARTITIONS=7\nHAMKKE_BROKER=c:3\n")
    monkeypatch.setenv("HAMKKE_BROKER", "a:1,b:2")
    settings = load_settings()
    assert (settings.broker, settings.partitions) == (["a:1", "b:2"], 7)


@pytest.mark.parametrize(
    ("variable", "value", "word"),
    [
        ("HAMKKE_PROFILE", "laptop", "embedded"),
        ("HAMKKE_PARTITIONS", "many", "integer"),
        ("HAMKKE_PARTITIONS", "0", "greater"),
        ("HAMKKE_BROKER", "localhost", "host:port"),
        ("HAMKKE_BROKER", "a:99999", "host:port"),
        ("HAMKKE_PORTS", "recruitment", "name=port"),
        ("HAMKKE_LEASE_SECONDS", "0", "greater"),
        ("HAMKKE_STORE_URI", "postgres://user:hidden-word@there", "mongodb://"),
        ("HAMKKE_BROKERS", "a:1", "HAMKKE_BROKER"),
    ],
)
def test_a_wrong_value_is_one_sentence_that_names_its_variable(variable: str, value: str, word: str) -> None:
    with pytest.raises(SettingsError) as found:
        load_settings({variable: value})
    told = str(found.value)
    assert variable in told
    assert word in told
    assert "\n" not in told
    assert "hidden-word" not in told


def test_every_setting_is_described_and_passwords_are_not_shown() -> None:
    rows = load_settings({"HAMKKE_STORE_URI": "mongodb://user:hidden-word@there/"}).describe()
    assert len(rows) == len(Settings.model_fields)
    assert all(row.description and row.variable.startswith("HAMKKE_") for row in rows)
    assert "hidden-word" not in str(rows)


def test_keys_are_made_once_and_are_their_owners_only(tmp_path: Path) -> None:
    assert {path.name for path in make_keys(tmp_path / "keys")} == {"signing.pem", "jwks.json", "secret"}
    before = {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    assert make_keys(tmp_path / "keys") == []
    assert {path: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == before
    modes = {path.name: path.stat().st_mode & 0o777 for path in before}
    assert modes == {"signing.pem": 0o600, "jwks.json": 0o644, "secret": 0o600}
    assert '"d"' not in (tmp_path / "keys" / "jwks.json").read_text()


def test_a_rotated_secret_leaves_older_keys_their_own(tmp_path: Path) -> None:
    old, new = "11" * 32, "22" * 32
    file = tmp_path / "secret"
    file.write_text(f"{old}\n{new} 2026-11-24T00:00:00Z\n")
    secrets = Secrets.read(file)
    change = moment("2026-11-24T00:00:00Z").timestamp()
    assert secrets.at(change - 0.001) == bytes.fromhex(old)
    assert secrets.at(change) == bytes.fromhex(new)
    assert secrets.first == bytes.fromhex(old)


@pytest.mark.parametrize("content", [None, "", "zzyyxx", "abcd"])
def test_a_secret_file_that_is_of_no_use_is_told_without_its_content(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "secret").write_text(content)
    with pytest.raises(SettingsError, match="HAMKKE_SECRET_FILE") as found:
        Secrets.read(tmp_path / "secret")
    assert not content or content not in str(found.value)
    assert f"`python -m shared.http.keys {tmp_path}` makes one" in str(found.value)
