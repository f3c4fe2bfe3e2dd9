"""What we publish goes through the public CloudEvents SDKs and comes out as what we sent.

These SDKs mint a missing id or time: so the values are compared, not merely parsed.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.v1.kafka import KafkaMessage as KafkaMessageV1
from cloudevents.v1.kafka import from_binary as from_binary_v1

from shared.broker.port import Outgoing
from tests.contracts.records import all_records

RECORDS = all_records()


def names(record: Outgoing) -> dict[str, str]:
    return {name.removeprefix("ce_"): value.decode() for name, value in record.headers}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: names(record)["id"])
def test_the_python_sdk_sees_our_event(record: Outgoing) -> None:
    sent = names(record)
    event = from_binary(KafkaMessage(dict(record.headers), record.key, record.value), JSONFormat())
    assert (event.get_id(), event.get_type(), event.get_source()) == (sent["id"], sent["type"], sent["source"])
    assert event.get_subject() == sent["subject"]
    assert event.get_data() == orjson.loads(record.value)
    assert event.get_time() == datetime.fromisoformat(sent["time"])
    assert event.get_extension("streamversion") == sent["streamversion"]
    assert event.get_extension("hash") == sent["hash"]
    again = to_binary(event, JSONFormat())
    assert again.headers.keys() >= dict(record.headers).keys()
    assert orjson.loads(again.value) == orjson.loads(record.value)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: names(record)["id"])
def test_the_python_sdks_older_surface_sees_it_too(record: Outgoing) -> None:
    sent = names(record)
    event = from_binary_v1(KafkaMessageV1(headers=dict(record.headers), key=record.key, value=record.value))
    assert {name: event[name] for name in ("id", "type", "source", "subject")} == {
        name: sent[name] for name in ("id", "type", "source", "subject")
    }
    assert event.data == orjson.loads(record.value)


def test_the_node_sdk_sees_our_events(node: Callable[[str, Any], Any]) -> None:
    raw = [
        {"key": r.key.decode(), "headers": {n: v.decode() for n, v in r.headers}, "value": orjson.loads(r.value)}
        for r in RECORDS
    ]
    for record, event in zip(RECORDS, node("cloudevents.cjs", raw), strict=True):
        sent = names(record)
        for name in ("id", "type", "source", "subject", "time", "streamversion", "hash"):
            assert event[name] == sent[name], name
        assert event["data"] == orjson.loads(record.value)
        assert event["valid"]
