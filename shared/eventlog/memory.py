"""A stream's memory of its commands, so that a repeat is answered as it was the first time (protocol.md D2). Pure."""

import struct
from hashlib import sha256
from typing import NamedTuple

from shared.moments import moment

KEEP = 1_000
KEEP_SECONDS = 7 * 24 * 3600
_ENTRY = struct.Struct(">16s8sII")
_SIZE = _ENTRY.size


class Known(NamedTuple):
    """A command that was accepted: the hash of its body and the version it led to."""

    hash: bytes
    last: int
    at: int


class Memory:
    """The last 1,000 commands of a stream and of 7 days, by the commits' own `at`; the first is never forgotten.

    Kept as it is stored, 32 bytes a command, oldest first: a long stream costs its snapshots no more than a copy.
    """

    __slots__ = ("_packed",)

    def __init__(self, packed: bytes = b"") -> None:
        self._packed = bytearray(packed)

    def remember(self, command_id: str, command_hash: str, last: int, at: str) -> None:
        """Take in a commit, and let go of what it makes too old."""
        now = int(moment(at).timestamp())
        self._packed += _ENTRY.pack(_short(command_id, 16), _short(command_hash, 8), last, now)
        while len(self._packed) > _SIZE and (len(self._packed) > KEEP * _SIZE or self._at(_SIZE) < now - KEEP_SECONDS):
            del self._packed[_SIZE : 2 * _SIZE]

    def recall(self, command_id: str) -> Known | None:
        name = _short(command_id, 16)
        place = self._packed.find(name)
        while place % _SIZE and place > 0:  # within an entry, by chance
            place = self._packed.find(name, place + 1)
        return None if place < 0 else Known(*_ENTRY.unpack_from(self._packed, place)[1:])

    def same_body(self, known: Known, command_hash: str) -> bool:
        return known.hash == _short(command_hash, 8)

    def pack(self) -> bytes:
        """32 bytes a command, oldest first."""
        return bytes(self._packed)

    @classmethod
    def unpack(cls, packed: bytes) -> "Memory":
        return cls(packed)

    def _at(self, place: int) -> int:
        at: int = _ENTRY.unpack_from(self._packed, place)[3]
        return at


def _short(text: str, size: int) -> bytes:
    return sha256(text.encode()).digest()[:size]
