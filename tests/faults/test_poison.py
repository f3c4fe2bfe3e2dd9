"""Poison is sent record by record: one that is refused does not hide the rest."""

from dataclasses import replace
from random import Random

from shared.broker.kafka import KafkaBroker
from shared.contracts.recruitment import APPLICATION
from tests.faults.poison import LARGEST, Poisoner, send
from tests.support.servers import EmbeddedBroker
from tests.support.topics import create_topic


async def test_a_refused_record_does_not_hide_the_next(embedded_broker: EmbeddedBroker, fresh_name: str) -> None:
    await create_topic(embedded_broker.bootstrap, fresh_name)
    record = replace(Poisoner(APPLICATION, Random(1)).garbage(), topic=fresh_name)
    too_large = replace(record, value=bytes(3 * LARGEST))
    assert await send(embedded_broker.bootstrap[0], [(record, 0), (too_large, 1), (record, 2)]) == 2
    broker = KafkaBroker(embedded_broker.bootstrap, idempotent=False, fetch_wait=0.02)
    assert {raw.partition async for batch in broker.read(fresh_name) for raw in batch} == {0, 2}
    await broker.close()
