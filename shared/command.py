"""A command's identity: who asked for what, with which key, so that asking twice is answered once."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

from shared.canonical import keyed


@dataclass(frozen=True)
class Command:
    """One attempt at one command. `id` and `hash` are equal in every repeat (protocol.md D3)."""

    id: str
    hash: str
    actor: str  # the acting account's pseudonym; a role on internal streams; a service for deciding consumers
    time: datetime  # the rules' time
    if_match: int | None = None
    started: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    """When this attempt came in, by the loop's clock: past 10 s it is dropped right before its insert (D8)."""
    trace: str | None = None
    correlation: str | None = None
    causation: str | None = None


def command_id(secret: bytes, actor: str, name: str, target: str, key: str) -> str:
    """HMAC(secret, actor, command name, target, idempotency key); the target of a creation is its collection."""
    return keyed(secret, actor, name, target, key)


def id_of_new(command: Command) -> str:
    """The id of what a creating command creates: 128 bits of its command id, so that a repeat creates the same."""
    return command.id[:32]
