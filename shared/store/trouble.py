"""Which of the driver's failures mean "the store is away", and which mean that we asked for something wrong."""

from typing import Any

from pymongo.errors import (
    ConnectionFailure,
    ExecutionTimeout,
    InvalidOperation,
    OperationFailure,
    PyMongoError,
    WriteError,
    WTimeoutError,
)

from shared.store.port import StoreAway

DUPLICATE = 11000
STREAM_IS_OVER = frozenset({9, 13, 14, 50811, 260, 280, 286, 40585, 40649})
"""Codes of a resume token that is too old, malformed or another stream's (13: the embedded store's word for that).

A lost cursor (43) is no lost position: the stream is opened again."""
_AWAY = frozenset({
    1, 6, 7, 8, 24, 43, 46, 50, 64, 89, 91, 100, 112, 133, 134, 175, 189, 202, 237, 262, 290,
    9001, 10107, 11600, 11601, 11602, 13388, 13435, 13436, 14031,
})  # fmt: skip
"""Unreachable, shutting down, stepping down, interrupted, timed out, conflicting, out of disk, failing inside."""


def translated(error: PyMongoError) -> Exception:
    """StoreAway where another try later can help; else the driver's own error: a mistake of ours."""
    if isinstance(error, ConnectionFailure | ExecutionTimeout | WTimeoutError | InvalidOperation) or error.timeout:
        return StoreAway(str(error))
    if isinstance(error, OperationFailure) and error.code in _AWAY:
        return StoreAway(str(error))
    return error


def refused(error: dict[str, Any], of_concern: bool = False) -> Exception:
    """The failure of one write of a command. A write concern that was not met leaves the outcome open: StoreAway."""
    if of_concern or error["code"] in _AWAY:
        return StoreAway(error.get("errmsg", "write not confirmed"))
    return WriteError(error.get("errmsg", ""), error["code"], error)
