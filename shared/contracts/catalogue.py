"""Every kind of stream there is. A new publisher adds its kinds here; topics, schemas and AsyncAPI follow."""

from shared.contracts.base import Event, StreamKind
from shared.contracts.recruitment import APPLICATION, CALL

KINDS: tuple[StreamKind, ...] = (CALL, APPLICATION)


def published() -> list[StreamKind]:
    """The kinds that are relayed to Kafka, by topic."""
    return sorted((kind for kind in KINDS if kind.relayed), key=lambda kind: kind.topic)


def events() -> dict[str, type[Event]]:
    """Every published event's model by its CloudEvents type."""
    return {type_: model for kind in published() for type_, model in kind.types.items()}
