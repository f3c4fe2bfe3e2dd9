"""A real broker that is killed, stopped and comes back empty."""

import asyncio
import signal
import time

import pytest

from shared.broker.kafka import KafkaBroker
from shared.broker.port import BrokerAway, Outgoing
from tests.support.servers import EmbeddedBroker
from tests.support.topics import create_topic


async def test_a_killed_broker_is_away_and_comes_back_as_another_cluster(own_broker: EmbeddedBroker) -> None:
    await create_topic(own_broker.bootstrap, "t")
    broker = KafkaBroker(own_broker.bootstrap, idempotent=False, fetch_wait=0.02)
    before = await broker.cluster_id()
    sender = await broker.sender()
    record = Outgoing("t", b"k", b"v", [])
    await sender.send([record])
    own_broker.kill()
    for verb in (lambda: sender.send([record]), lambda: broker.cluster_id(), lambda: broker.sender()):
        with pytest.raises(BrokerAway):
            await verb()
    with pytest.raises(BrokerAway):
        await anext(broker.read("t"))
    started = time.monotonic()
    await sender.close()
    assert time.monotonic() - started < 10
    own_broker.start()
    await create_topic(own_broker.bootstrap, "t")
    assert await broker.cluster_id() != before
    again = await broker.sender()
    assert await again.cluster_id() != before
    [(start, last)] = (await again.send([record])).values()
    assert (start, last) == (0, 0)
    await again.close()
    now = await broker.cluster_id()
    own_broker.kill()
    own_broker.start()
    assert await broker.cluster_id() not in (now, before)  # the connection that is kept is not the cluster
    await broker.close()


async def test_records_of_a_doubtful_send_are_not_sent_later(own_broker: EmbeddedBroker) -> None:
    await create_topic(own_broker.bootstrap, "t")
    broker = KafkaBroker(own_broker.bootstrap, idempotent=False, fetch_wait=0.02)
    sender = await broker.sender()
    await sender.send([Outgoing("t", b"k", b"1", [])])
    own_broker.signal(signal.SIGSTOP)
    with pytest.raises(BrokerAway):
        await sender.send([Outgoing("t", b"k", b"2", [])])
    await sender.close()
    own_broker.signal(signal.SIGCONT)
    await asyncio.sleep(1.5)
    await broker.close()
    read = [r.value async for batch in broker.read("t") for r in batch]
    assert read in ([b"1"], [b"1", b"2"])  # it was in flight: once or not at all


async def test_a_sender_never_writes_to_the_empty_broker_that_took_the_place_of_its_own(
    own_broker: EmbeddedBroker,
) -> None:
    await create_topic(own_broker.bootstrap, "t")
    broker = KafkaBroker(own_broker.bootstrap, idempotent=False, fetch_wait=0.02)
    sender = await broker.sender()
    await sender.send([Outgoing("t", b"k", b"1", [])])
    own_broker.kill()
    own_broker.start()
    await create_topic(own_broker.bootstrap, "t")
    for verb in (lambda: sender.send([Outgoing("t", b"k", b"2", [])]), lambda: sender.cluster_id()):
        with pytest.raises(BrokerAway):
            await verb()
    await sender.close()
    assert [r async for batch in broker.read("t") for r in batch] == []
    await broker.close()
