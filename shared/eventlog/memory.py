"""A stream's memory of its commands, so that a repeat is answered as it was the first time (protocol.md D2). Pure."""

import struct
from collections import deque
from hashlib import sha256
from typing import NamedTuple

from shared.moments import moment

KEEP = 1_000
KEEP_SECONDS = 7 * 24 * 3600
_ENTRY = struct.Struct(">16s8sII")


class Known(NamedTuple):
    """A command that was accepted: the hash of its body and the version it led to."""

    hash: bytes
    last: int
    at: int


class Memory:
    """The last 1,000 commands of a stream and of 7 days, by the commits' own `at`; the first is never forgotten."""

    __slots__ = ("_known", "_order")

    def __init__(self) -> None:
        self._known: dict[bytes, Known] = {}
        self._order: deque[bytes] = deque()  # without the first

    def remember(self, command_id: str, command_hash: str, last: int, at: str) -> None:
        """Take in a commit, and let go of what it makes too old."""
        name, now = _short(command_id, 16), int(moment(at).timestamp())
        if self._known:
            self._order.append(name)
        self._known[name] = Known(_short(command_hash, 8), last, now)
        while self._order and (len(self._order) >= KEEP or self._known[self._order[0]].at < now - KEEP_SECONDS):
            self._known.pop(self._order.popleft(), None)

    def recall(self, command_id: str) -> Known | None:
        return self._known.get(_short(command_id, 16))

    def same_body(self, known: Known, command_hash: str) -> bool:
        return known.hash == _short(command_hash, 8)

    def pack(self) -> bytes:
        """32 bytes a command, oldest first."""
        return b"".join(_ENTRY.pack(name, *known) for name, known in self._known.items())

    @classmethod
    def unpack(cls, packed: bytes) -> "Memory":
        memory = cls()
        for name, body, last, at in _ENTRY.iter_unpack(packed):
            if memory._known:
                memory._order.append(name)
            memory._known[name] = Known(body, last, at)
        return memory


def _short(text: str, size: int) -> bytes:
    return sha256(text.encode()).digest()[:size]
