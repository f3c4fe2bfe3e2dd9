"""Batches that aiokafka cannot take apart are read all the same: each record is there, or the batch is one dead record."""

from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from cramjam import zstd

from shared.broker.kafka import KafkaBroker
from shared.broker.port import UNREADABLE, Incoming
from shared.broker.records import Records
from shared.contracts.cloudevents import Unreadable, read_record
from tests.support.servers import EmbeddedBroker
from tests.support.topics import create_topic

ZSTD = 4


class Raw(str):
    """A header name that becomes bytes which are not UTF-8."""

    def encode(self, *_: Any) -> bytes:
        return b"ce_\xff\xfe"


def batch(*names: str, codec: int = 0) -> bytes:
    builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, 0, 1_000_000)
    for offset, name in enumerate(names):
        builder.append(offset, timestamp=1, key=b"k", value=b"%d" % offset, headers=[(name, b"x"), ("ok", b"y")])
    return bytes(builder.build())


def read(data: bytes) -> list[Any]:
    records, found = Records(data), list[Any]()
    while records.has_next():
        one = records.next_batch()
        assert one is not None
        assert one.validate_crc()
        found += list(one)
    return found


@pytest.mark.parametrize("codec", [0, 1, 2, 3, ZSTD], ids=["plain", "gzip", "snappy", "lz4", "zstd"])
def test_a_header_name_that_is_not_utf8_is_marked_and_its_neighbours_are_read(codec: int) -> None:
    found = read(batch("a", codec=codec) + batch("b", Raw("bad"), "c", codec=codec))
    assert [record.value for record in found] == [b"0", b"0", b"1", b"2"]
    assert [record.headers[0][0] for record in found] == ["a", "b", UNREADABLE + r"ce_\xff\xfe", "c"]


def test_a_batch_that_cannot_be_taken_apart_is_one_record_at_its_last_offset() -> None:
    whole = bytearray(batch("a", "b"))
    squeezed = zstd.compress(b"no records at all")
    builder = _DefaultRecordBatchBuilderPy(2, ZSTD, 0, -1, -1, 0, 1_000_000)
    builder._num_records, builder._last_offset = 2, 1
    builder._first_timestamp = builder._max_timestamp = 1
    builder._buffer += bytes(squeezed)
    builder._maybe_compress = lambda: True  # type: ignore[method-assign]
    broken = bytes(builder.build())
    found = read(bytes(whole) + broken + batch("c"))
    assert [(record.offset, record.value) for record in found] == [(0, b"0"), (1, b"1"), (1, broken), (0, b"0")]
    with pytest.raises(Unreadable, match="not readable: batch"):
        read_record(Incoming("t", 0, found[2].offset, found[2].key, found[2].value, found[2].headers))


async def test_such_a_record_comes_from_the_broker_like_any_other(
    embedded_broker: EmbeddedBroker, fresh_name: str
) -> None:
    await create_topic(embedded_broker.bootstrap, fresh_name, 1)
    async with AIOKafkaProducer(bootstrap_servers=embedded_broker.bootstrap) as producer:
        for name in ("first", Raw("bad"), "last"):
            packed = producer.create_batch()
            packed._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 1_000_000)
            packed.append(timestamp=1, key=b"k", value=name.encode(), headers=[(name, b"x")])
            packed.close()
            await (await producer.send_batch(packed, fresh_name, partition=0))
    broker = KafkaBroker(embedded_broker.bootstrap, False, fetch_wait=0.02)
    found = [record async for records in broker.read(fresh_name) for record in records]
    await broker.close()
    assert [record.headers[0][0] for record in found] == ["first", UNREADABLE + r"ce_\xff\xfe", "last"]
    assert [record.offset for record in found] == [0, 1, 2]
