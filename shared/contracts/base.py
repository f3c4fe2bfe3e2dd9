"""What a contract is made of: events, the kinds of stream they belong to, and the types their fields may have."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    PlainSerializer,
    SerializationInfo,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, core_schema

from shared.canonical import canonical, sha256
from shared.moments import moment, text

Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A machine word: an enum value, an id, a feature or one of its values."""
CitizenRef = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""A person's random 128-bit pseudonym."""
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""Hex SHA-256."""
Moment = Annotated[
    datetime,
    BeforeValidator(lambda v: moment(v) if isinstance(v, str) else v),
    PlainSerializer(text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant, written as RFC 3339 UTC with milliseconds."""
Released = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4000),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 4000, "x-released": True}),
]
"""Free text that has been released for the public. The only free string an event may hold."""


SNAPSHOT = {"written": "snapshot"}
"""Serialisation context in which private parts are written whole."""


class Words(BaseModel):
    """A released text in both languages. Korean is mandatory."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    ko: Released
    en: Released | None = None


class Private:
    """A private part: stored beside the event, named in it by its salted digest only.

    `value` is None where it was erased, or where only the digest is known (in a subscriber's hands).
    """

    __slots__ = ("digest", "salt", "value")

    def __init__(self, digest: str, salt: str | None = None, value: Any = None) -> None:
        self.digest, self.salt, self.value = digest, salt, value

    @classmethod
    def seal(cls, value: Any, entropy: Callable[[int], bytes] = os.urandom) -> "Private":
        """Seal a JSON value with a fresh 128-bit salt: digest = SHA-256(salt LF canonical JSON)."""
        salt = entropy(16).hex()
        return cls(sha256(salt.encode(), canonical(value)), salt, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Private) and other.digest == self.digest and other.value == self.value

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Private({self.digest[:12]}…)"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from_digest = core_schema.no_info_after_validator_function(
            cls, core_schema.str_schema(pattern=r"^[0-9a-f]{64}$")
        )
        from_snapshot = core_schema.no_info_after_validator_function(lambda d: cls(**d), core_schema.dict_schema())
        return core_schema.json_or_python_schema(
            json_schema=from_digest,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), from_digest, from_snapshot]),
            serialization=core_schema.plain_serializer_function_ser_schema(cls._written, info_arg=True),
        )

    def _written(self, info: SerializationInfo) -> Any:
        """In an event only the digest; in a snapshot of the owner's main view all of it."""
        if info.context is SNAPSHOT:
            return {"digest": self.digest, "salt": self.salt, "value": self.value}
        return self.digest


class Event(BaseModel):
    """A past-tense fact of one stream. Readers ignore fields they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    VERSION: ClassVar[int] = 1
    TYPE: ClassVar[str] = ""  # hamkke.<service>.<EventName>.v<N>; set by the kind of stream it belongs to

    def data(self) -> dict[str, Any]:
        """The event's data as published: JSON values only, private parts as digests, unset options left out."""
        return self.model_dump(mode="json", exclude_none=True)


class Erased(Event):
    """The person behind this stream asked to be forgotten: earlier private parts are gone (protocol.md E1)."""


class Audience(StrEnum):
    """Who may subscribe to a topic."""

    SERVICES = "services"
    INTEGRATORS = "integrators"
    PUBLIC = "public"


@dataclass(frozen=True)
class StreamKind:
    """All streams `<name>:<id>` of one service: their events, and whether they are relayed to Kafka."""

    service: str
    name: str
    events: tuple[type[Event], ...]
    audience: Audience = Audience.SERVICES
    relayed: bool = True
    about: str = ""
    types: dict[str, type[Event]] = field(default_factory=dict, init=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        for event in self.events:
            if event is Erased:
                raise TypeError(f"{self.name}: declare an Erased of your own, its type names the publishing service")
            if not event.TYPE:
                event.TYPE = f"hamkke.{self.service}.{event.__name__}.v{event.VERSION}"
            self.types[event.TYPE] = event

    @property
    def topic(self) -> str:
        return f"hamkke.{self.service}.{self.name}"

    @property
    def source(self) -> str:
        return f"/hamkke/{self.service}"

    def stream(self, *ids: str) -> str:
        """The stream id `<name>:<id>[:<id>…]`, which is also the Kafka key and the CloudEvents subject."""
        return ":".join((self.name, *ids))


def kind_of(stream: str) -> str:
    """The name of the kind that a stream id begins with."""
    return stream.partition(":")[0]
