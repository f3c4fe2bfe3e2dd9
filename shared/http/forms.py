"""What a request body is made of. Unknown fields are refused, nothing is converted from another type."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


class Form(BaseModel):
    """The body of a command."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _instant(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if not _RFC3339.fullmatch(value):
        raise PydanticCustomError("instant", "not an RFC 3339 date-time with its offset")
    if not 2000 <= int(value[:4]) <= 2199:
        raise PydanticCustomError("instant", "not in the years 2000 to 2199")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except ValueError:
        raise PydanticCustomError("instant", "a date or time that does not exist") from None


Instant = Annotated[
    datetime,
    BeforeValidator(_instant),
    WithJsonSchema(
        {
            "type": "string",
            "format": "date-time",
            "description": "RFC 3339 with its offset, in the years 2000 to 2199.",
        }
    ),
]
"""A moment that exists, with its offset; aware, in UTC. Use it in forms (contracts write `Moment`)."""
