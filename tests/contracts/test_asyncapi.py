"""The AsyncAPI document is without fault for the official parser, and says all that is published."""

from collections.abc import Callable
from typing import Any

from shared.contracts.asyncapi import document
from shared.contracts.catalogue import events, published


def test_the_official_parser_finds_no_error(node: Callable[[str, Any], Any]) -> None:
    found = node("asyncapi.cjs", document("1.0.0"))
    assert found["errors"] == []
    assert found["warnings"] == []
    assert found["parsed"]
    assert set(found["channels"]) == {kind.topic for kind in published()}
    assert set(found["messages"]) == set(events())


def test_each_topic_says_its_audience_and_its_key() -> None:
    made = document("1.0.0")
    audiences = {channel["address"]: channel["x-audience"] for channel in made["channels"].values()}
    assert audiences["hamkke.recruitment.call"] == "public"
    assert audiences["hamkke.recruitment.application"] == "services"
    for message in made["components"]["messages"].values():
        assert message["bindings"]["kafka"]["key"]["pattern"].startswith("^")
        assert {"ce_id", "ce_type", "ce_subject", "ce_hash"} <= set(message["headers"]["required"])


def test_internal_streams_are_in_no_document() -> None:
    assert all(kind.relayed for kind in published())
