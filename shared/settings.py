"""Everything that can be configured, in one place: environment variables HAMKKE_…, or a `.env` file, nothing else."""

import difflib
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.moments import moment

PREFIX = "HAMKKE_"
BY_PROFILE: dict[str, dict[str, Any]] = {
    "embedded": {"idempotent_producer": False, "fetch_wait_ms": 20, "partitions": 3},
    "compose": {"idempotent_producer": True, "fetch_wait_ms": 100, "partitions": 12},
    "production": {"idempotent_producer": True, "fetch_wait_ms": 100, "partitions": 12},
}
"""Defaults that differ by profile (the embedded broker knows no idempotent producer and polls its fetches)."""


class SettingsError(ValueError):
    """A variable holds what it may not hold. The message is one sentence that names it."""


class Setting(NamedTuple):
    """One row of `hamkke settings` and of `.env.example`. `value` hides passwords."""

    variable: str
    value: str
    default: str
    description: str


class Settings(BaseSettings):
    """The settings of one process. Frozen. Made by `load_settings`, which says in one sentence what is wrong."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    profile: Literal["embedded", "compose", "production"] = Field(
        "embedded", description="Where this runs: embedded, compose or production."
    )
    home: Path = Field(
        Path("var"), description="Folder for everything this installation keeps: keys, data, run files, logs."
    )
    host: str = Field(
        "127.0.0.1", min_length=1, description="Address the services listen on. The embedded profile stays on loopback."
    )
    ports: Annotated[dict[str, int], NoDecode] = Field(
        {"recruitment": 8401, "notifications": 8402},
        description="Port of each service in this process, as name=port,name=port. 8400 is kept for the gateway.",
    )
    store_uri: str = Field(
        "mongodb://127.0.0.1:8410/?retryWrites=false", description="MongoDB connection string of the store."
    )
    database_prefix: str = Field(
        "hamkke_", pattern=r"^[a-z][a-z0-9_]{0,30}$", description="Each service's database is this prefix and its name."
    )
    broker: Annotated[list[str], NoDecode] = Field(
        ["127.0.0.1:8411"],
        min_length=1,
        description="Bootstrap addresses of the Kafka cluster, as host:port,host:port.",
    )
    idempotent_producer: bool = Field(
        False,
        description="Whether relays use Kafka's idempotent producer. Default by profile: false embedded, else true.",
    )
    fetch_wait_ms: int = Field(
        20,
        ge=1,
        le=5000,
        description="Milliseconds a fetch waits at the broker for news. Default by profile: 20 embedded, else 100.",
    )
    partitions: int = Field(
        3,
        ge=1,
        le=1000,
        description="Partitions of a topic, fixed when it is created. Default by profile: 3 embedded, else 12.",
    )
    lease_seconds: float = Field(
        4.0, ge=0.5, le=60, description="Seconds after which a silent follower's lease may be taken over."
    )
    secret_file: Path = Field(
        Path("var/keys/secret"),
        description="File with the secret that command ids are keyed with. Default: keys/secret in the home folder.",
    )
    jwks_file: Path = Field(
        Path("var/keys/jwks.json"),
        description="Key set (JWKS) that tokens are checked against. Default: keys/jwks.json in the home folder.",
    )
    signing_key_file: Path = Field(
        Path("var/keys/signing.pem"),
        description="Private key of `hamkke token`, embedded only. Default: keys/signing.pem in the home folder.",
    )
    issuer: str = Field("hamkke", min_length=1, description="Required issuer (iss) of tokens.")
    audience: str = Field("hamkke", min_length=1, description="Required audience (aud) of tokens.")
    body_limit: int = Field(65_536, ge=1024, le=1_048_576, description="Largest request body in bytes.")
    body_depth: int = Field(16, ge=2, le=200, description="Deepest nesting of objects and lists in a request body.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log lines to write."
    )
    log_requests: bool = Field(
        True, description="Whether each request is a log line (route, status, milliseconds; never who or what)."
    )

    @field_validator("broker", mode="before")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        found = [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        for address in found:
            host, _, port = str(address).rpartition(":")
            if not host or not port.isdigit() or not 0 < int(port) < 65_536:
                raise ValueError("each address is host:port, with commas between them")
        return found

    @field_validator("ports", mode="before")
    @classmethod
    def _ports(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.strip().partition("=") for part in value.split(",") if part.strip()]
        if not all(name and port.isdigit() and 0 < int(port) < 65_536 for name, _, port in pairs):
            raise ValueError("it is name=port,name=port with ports from 1 to 65535")
        return {name: int(port) for name, _, port in pairs}

    @field_validator("store_uri")
    @classmethod
    def _a_mongodb_uri(cls, value: str) -> str:
        if not value.startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("it begins with mongodb:// or mongodb+srv://")
        return value

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, values: dict[str, Any]) -> dict[str, Any]:
        return _by_profile(values)

    @cached_property
    def secrets(self) -> "Secrets":
        """The service secrets of `secret_file`. SettingsError when it is missing or unreadable."""
        return Secrets.read(self.files.secret)

    @property
    def files(self) -> "KeyFiles":
        """The three key files."""
        return KeyFiles(self.secret_file, self.jwks_file, self.signing_key_file)

    def database(self, service: str) -> str:
        """The name of a service's own database."""
        return self.database_prefix + service

    def describe(self) -> list[Setting]:
        """Every setting with its value now, its default and what it means."""
        plain = Settings.model_construct(**_by_profile({}))
        return [
            Setting(
                variable=PREFIX + name.upper(),
                value=_as_written(getattr(self, name)),
                default=_as_written(getattr(plain, name)),
                description=field.description or "",
            )
            for name, field in Settings.model_fields.items()
        ]


class KeyFiles(NamedTuple):
    """Where the keys are (shared/http/keys.py makes them)."""

    secret: Path
    jwks: Path
    signing: Path


class Secrets:
    """The service secrets, oldest first. The one in force when an idempotency key was made keys its command id for
    ever (protocol.md D3), so a rotation, announced ahead in the file, changes no repeat's answer.

    The file holds one secret a line: hex, then (but for the first) the RFC 3339 moment since when it is used.
    """

    def __init__(self, dated: list[tuple[float, bytes]]) -> None:
        self._dated = sorted(dated)

    def at(self, seconds: float) -> bytes:
        """The secret in force at a Unix time."""
        if len(self._dated) == 1 or seconds < self._dated[1][0]:
            return self._dated[0][1]
        return next(secret for since, secret in reversed(self._dated) if since <= seconds)

    @property
    def first(self) -> bytes:
        """The oldest secret, for what must never change."""
        return self._dated[0][1]

    @classmethod
    def read(cls, path: Path) -> "Secrets":
        """Read the file. SettingsError says what is wrong with it, never what is in it."""
        remedy = f"`python -m shared.http.keys {path.parent}` makes one where none is"
        try:
            rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
            dated = [(moment(row[1]).timestamp() if len(row) > 1 else 0.0, bytes.fromhex(row[0])) for row in rows]
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "a line is not hex and a moment"
            raise SettingsError(
                f"HAMKKE_SECRET_FILE names {path}, which cannot be read ({reason}); {remedy}."
            ) from None
        if not dated or min(len(secret) for _, secret in dated) < 16:
            raise SettingsError(
                f"HAMKKE_SECRET_FILE names {path}, which holds no secret of at least 16 bytes; {remedy}."
            )
        return cls(dated)


def load_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """The settings of this process; `given` wins. SettingsError: one sentence naming the variable."""
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in os.environ if environment is None else environment:
        if name.startswith(PREFIX) and name not in known and (close := difflib.get_close_matches(name, known, 1, 0.85)):
            raise SettingsError(f"{name} is not a setting; did you mean {close[0]}?")
    try:
        if environment is None:
            return Settings(**given)
        values = {n: environment[v] for n in Settings.model_fields if environment.get(v := PREFIX + n.upper())}
        return Settings.model_validate(values | given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        variable = PREFIX + str(first["loc"][0] if first["loc"] else "").upper()
        held = "" if variable.endswith("_URI") else f" is {str(first['input'])!r:.60}, but"
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{variable}{held or ' is not usable:'} {reason[0].lower()}{reason[1:]}.") from None


def _by_profile(values: dict[str, Any]) -> dict[str, Any]:
    home = Path(values.get("home") or "var")
    files = {"secret_file": "secret", "jwks_file": "jwks.json", "signing_key_file": "signing.pem"}
    defaults = {name: home / "keys" / file for name, file in files.items()}
    defaults |= BY_PROFILE.get(str(values.get("profile") or "embedded"), {})
    return defaults | {name: value for name, value in values.items() if value is not None}


def _as_written(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return ",".join(f"{name}={port}" for name, port in value.items())
        case list():
            return ",".join(value)
        case str() if "://" in value and urlsplit(value).password:
            return value.replace(f":{urlsplit(value).password}@", ":…@")
    return str(value)
