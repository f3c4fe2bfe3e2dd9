"""Batches as they lie on a topic, read whatever their bytes; aiokafka gives up on a batch that it cannot decode.

A consumer that gives up reads the same batch for ever, and what it had drained of other partitions is lost. Here a
header name that is not UTF-8 is marked as unreadable, and a batch that cannot be taken apart is one such record whole.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from aiokafka.errors import UnsupportedCodecError
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from shared.broker.port import UNREADABLE

_BEFORE_LENGTH, _MAGIC = 8, 16
_OVERHEAD = 12  # bytes before what the length counts


class Records:
    """What one partition gave to a fetch: `aiokafka.record.memory_records.MemoryRecords`, with patient batches."""

    def __init__(self, data: bytes) -> None:
        self._records, self._data, self._at = MemoryRecords(data), data, 0

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def next_batch(self) -> "Batch | None":
        batch = self._records.next_batch()
        if batch is None:
            return None
        start = self._at
        length = int.from_bytes(self._data[start + _BEFORE_LENGTH : start + _OVERHEAD], "big")
        self._at = start + _OVERHEAD + length
        return Batch(batch, memoryview(self._data)[start : self._at])


class Batch:
    """A batch of aiokafka's that yields a record for every record, or one for all of them."""

    def __init__(self, batch: Any, data: memoryview) -> None:
        self._batch, self._data = batch, data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        """Raises UnsupportedCodecError where a codec is not installed: that is ours to mend, not the record's fault."""
        try:
            return iter(list(self._batch))
        except UnsupportedCodecError:
            raise
        except Exception:  # whatever a decoder says to such bytes: they stay as they are
            return iter(self._escaped() or [self._whole()])

    def _escaped(self) -> list[Any]:
        try:
            return list(_EscapedBatch(self._data)) if self._data[_MAGIC] >= 2 else []
        except Exception:  # it was not a header's name
            return []

    def _whole(self) -> "Undecoded":
        name = f"{UNREADABLE}batch"
        return Undecoded(self._batch.next_offset - 1, self._batch.max_timestamp or 0, bytes(self._data), [(name, b"")])


class Undecoded(NamedTuple):
    """A batch that cannot be taken apart, in the shape of a record at its last offset."""

    offset: int
    timestamp: int
    value: bytes
    headers: list[tuple[str, bytes]]
    key: None = None
    timestamp_type: int = 0
    checksum: None = None


class _EscapedBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    """aiokafka's own reader of batches, told to escape names that are not UTF-8."""

    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Names(self._buffer)


class _Names(bytearray):
    """Bytes whose slices decode whatever they are."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Names(found) if isinstance(at, slice) else found

    def decode(self, *_: str) -> str:
        try:
            return super().decode()
        except UnicodeDecodeError:
            return UNREADABLE + super().decode("utf-8", "backslashreplace")
