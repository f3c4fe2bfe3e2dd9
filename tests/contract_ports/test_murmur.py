"""Our partitioner chooses what every Kafka client chooses."""

from aiokafka.partitioner import murmur2 as aiokafkas
from hypothesis import given
from hypothesis import strategies as st

from shared.broker.murmur import murmur2, partition_of


@given(st.binary(max_size=80))
def test_the_hash_is_kafkas_to_the_bit(key: bytes) -> None:
    assert murmur2(key) == aiokafkas(key)


def test_keys_spread_over_all_partitions() -> None:
    assert {partition_of(f"application:{n}".encode(), 12) for n in range(500)} == set(range(12))
