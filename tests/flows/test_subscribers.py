"""What a subscriber reads from the topics: CloudEvents for the public SDKs, an unbroken chain, nothing but the contract."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator

from deploy.local import topics
from shared.broker.kafka import KafkaBroker
from shared.broker.port import Incoming
from shared.consumption.consumer import command_of
from shared.contracts.catalogue import events
from shared.contracts.cloudevents import read_record
from shared.contracts.schema import schema_of
from shared.telemetry.trace import trace_id
from tests.contracts.conftest import node
from tests.flows.client import after
from tests.flows.platform import Platform
from tests.flows.stories import an_application, opened

__all__ = ["node"]
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def published(platform: Platform) -> list[Incoming]:
    """Everything on the topics after a small story."""
    operator = platform.operator()
    call_id = await opened(operator)
    path = f"/calls/{call_id}/applications"
    for _ in range(3):
        person = platform.citizen()
        await person.post(path, an_application())
        receipt = (await person.post(f"{path}/mine/withdraw")).json()
        await platform.inbox(person, after=after(receipt))
    await operator.post(f"/calls/{call_id}/close", {"reason": {"ko": "조기 마감"}}, version=3)
    found = await on_the_topics(platform)
    assert len(found) >= 9
    return found


async def on_the_topics(platform: Platform) -> list[Incoming]:
    kafka = KafkaBroker(platform.settings.broker, idempotent=False)
    try:
        return [record for topic in topics.names() async for batch in kafka.read(topic) for record in batch]
    finally:
        await kafka.close()


async def test_the_public_sdks_see_our_events(platform: Platform, node: Callable[[str, Any], Any]) -> None:
    records = await published(platform)
    sent = [
        {
            "key": (record.key or b"").decode(),
            "headers": {name: value.decode() for name, value in record.headers},
            "value": orjson.loads(record.value or b""),
        }
        for record in records
    ]
    for record, ours, theirs in zip(records, sent, node("cloudevents.cjs", sent), strict=True):
        event = from_binary(KafkaMessage(dict(record.headers), record.key, record.value or b""), JSONFormat())
        for name in ("id", "type", "source", "subject"):
            assert event.get_attributes()[name] == theirs[name] == ours["headers"][f"ce_{name}"]
        assert event.get_data() == theirs["data"] == ours["value"]


async def test_every_record_fits_its_schema_and_its_chain(platform: Platform) -> None:
    heads: dict[str, tuple[int, str]] = {}
    for raw in await published(platform):
        record = read_record(raw)
        Draft202012Validator(schema_of(record.type, events()[record.type])).validate(record.data)
        version, last = heads.get(record.stream, (0, ""))
        if record.version > version:
            assert (record.version, record.prev) == (version + 1, last)
            heads[record.stream] = record.version, record.hash
        assert dict(raw.headers)["ce_projectid"] == b"PRJ-2026-001"


async def test_a_trace_goes_from_the_request_to_the_commands_of_who_listens(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    trace, person = "4bf92f3577b34da6a3ce929d0e0e4736", platform.citizen()
    said = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    receipt = (await person.post(f"/calls/{call_id}/applications", an_application(), **said)).json()
    await platform.inbox(person, after=after(receipt))
    records = [read_record(raw) for raw in await on_the_topics(platform) if raw.key == receipt["stream"].encode()]
    assert [trace_id(record.attributes["traceparent"]) for record in records] == [trace]
    decided = command_of("a-consumer-that-decides", records[0], "what it decides")
    assert trace_id(decided.trace) == trace
    assert (decided.causation, decided.correlation) == (records[0].id, records[0].attributes["correlationid"])
