"""AsyncAPI 3 of everything that is published, made from the same models as the events themselves."""

from collections.abc import Sequence
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.contracts.base import Audience, Event, StreamKind
from shared.contracts.catalogue import published
from shared.contracts.cloudevents import CONTENT_TYPE

_REF = "#/components/schemas/{model}"
_WHO = {
    Audience.SERVICES: "Only the platform's own services: these events are about single persons.",
    Audience.INTEGRATORS: "Integrators to whom it was granted.",
    Audience.PUBLIC: "Everyone.",
}
_HEX = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_TIME = {"type": "string", "format": "date-time"}


def document(version: str, kinds: Sequence[StreamKind] | None = None) -> dict[str, Any]:
    """The AsyncAPI 3.0.0 document of these kinds of stream (by default of all that are published)."""
    kinds = published() if kinds is None else kinds
    return {
        "asyncapi": "3.0.0",
        "id": "urn:hamkke:events",
        "info": {
            "title": "Hamkke events",
            "version": version,
            "description": "Facts of citizen-led smart challenges: CloudEvents 1.0 in Kafka's binary mode. "
            "Key = stream = subject; the events of a stream are numbered 1, 2, 3 … and chained by hashes.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "contact": {"name": "Hamkke", "url": "https://hamkke.invalid"},
            "tags": [{"name": audience.value, "description": _WHO[audience]} for audience in Audience],
        },
        "defaultContentType": CONTENT_TYPE,
        "channels": {_channel(kind): _channel_of(kind) for kind in kinds},
        "operations": {f"publish_{_channel(kind)}": _operation_of(kind) for kind in kinds},
        "components": {
            "messages": {_message(kind, model): _message_of(kind, model) for kind in kinds for model in kind.events},
            "schemas": _schemas(kinds),
        },
    }


def _channel(kind: StreamKind) -> str:
    return f"{kind.service}_{kind.name}"


def _message(kind: StreamKind, model: type[Event]) -> str:
    return f"{_channel(kind)}_{model.__name__}_v{model.VERSION}"


def _channel_of(kind: StreamKind) -> dict[str, Any]:
    return {
        "address": kind.topic,
        "title": kind.about or kind.topic,
        "description": f"Audience: {kind.audience.value}. {_WHO[kind.audience]}",
        "messages": {
            model.__name__: {"$ref": f"#/components/messages/{_message(kind, model)}"} for model in kind.events
        },
        "tags": [{"name": kind.audience.value}],
        "bindings": {
            "kafka": {"topic": kind.topic, "topicConfiguration": {"retention.ms": -1}, "bindingVersion": "0.5.0"}
        },
        "x-audience": kind.audience.value,
    }


def _operation_of(kind: StreamKind) -> dict[str, Any]:
    channel = f"#/channels/{_channel(kind)}"
    return {
        "action": "send",
        "title": f"{kind.service} publishes",
        "summary": kind.about or kind.topic,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{model.__name__}"} for model in kind.events],
    }


def _message_of(kind: StreamKind, model: type[Event]) -> dict[str, Any]:
    return {
        "name": model.TYPE,
        "title": model.__name__,
        "summary": (model.__doc__ or "").strip(),
        "contentType": CONTENT_TYPE,
        "headers": _headers_of(kind, model),
        "payload": {"$ref": _REF.format(model=model.__name__)},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "pattern": f"^{kind.name}:", "description": "The stream's id."},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _headers_of(kind: StreamKind, model: type[Event]) -> dict[str, Any]:
    """The record's headers. Values are UTF-8 text, numbers among them."""
    stream = {"type": "string", "pattern": f"^{kind.name}:"}
    required: dict[str, Any] = {
        "content-type": {"type": "string", "const": CONTENT_TYPE},
        "ce_specversion": {"type": "string", "const": "1.0"},
        "ce_id": stream | {"description": "<stream>@<version>"},
        "ce_source": {"type": "string", "const": kind.source},
        "ce_type": {"type": "string", "const": model.TYPE},
        "ce_subject": stream | {"description": "The stream; also the record's key."},
        "ce_time": _TIME | {"description": "The rules' time."},
        "ce_recordedtime": _TIME | {"description": "The writer's clock."},
        "ce_dataschema": {"type": "string", "const": f"urn:hamkke:schema:{model.TYPE}"},
        "ce_streamversion": {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "ce_actorref": {"type": "string", "description": "The acting account's pseudonym."},
        "ce_prevhash": {"anyOf": [{"type": "string", "const": ""}, _HEX]},
        "ce_hash": _HEX,
    }
    optional: dict[str, Any] = {
        "ce_projectid": {"type": "string"},
        "ce_traceparent": {"type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
        "ce_correlationid": {"type": "string"},
        "ce_causationid": {"type": "string"},
    }
    return {"type": "object", "required": list(required), "properties": required | optional}


def _schemas(kinds: Sequence[StreamKind]) -> dict[str, Any]:
    models = list(dict.fromkeys(model for kind in kinds for model in kind.events))
    _, schema = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    found: dict[str, Any] = schema.get("$defs", {})
    return found
