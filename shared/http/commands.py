"""The one way to write a command endpoint: its identity comes from the request, its answer is a receipt.

@router.post("/calls/{call_id}/publish")
async def publish(call_id: str, me: ProgramOperator, command: OnVersion, log: Log) -> Receipt:
    return Receipt.of(await log.decide(CALL.stream(call_id), calls.publish, command))
"""

import hmac
import re
from typing import Annotated

from fastapi import Depends, Header, Request
from pydantic import BaseModel, Field

from shared.canonical import canonical
from shared.command import Command, command_id
from shared.eventlog.log import Decided, EventLog
from shared.http.asked import Asked
from shared.http.idempotency import key_of, version_of

_CORRELATION = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}")
UUID7_PATTERN = '^"?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"?$'
VERSION_PATTERN = '^"(0|[1-9][0-9]{0,14})"$'


class Receipt(BaseModel):
    """What came of a command. The same in every repeat of one that changed something; the version is the ETag too.

    An answer that changed nothing is not bound to its key: sent again, the command is judged anew.
    """

    id: str = Field(description="What the command was about, without its kind.")
    stream: str = Field(description="The stream that holds it; with the version: what Read-After takes.")
    version: int = Field(description="Its version since then.")

    @classmethod
    def of(cls, decided: Decided) -> "Receipt":
        """The receipt of a decision; its id is the stream's without the kind."""
        return cls(id=decided.stream.partition(":")[2], stream=decided.stream, version=decided.version)


class Commanding:
    """Makes the request's Command. BadRequest, KeyTooOld, KeyFromAhead, IfMatchMissing, and the body's own problems."""

    def __init__(self, if_match_required: bool) -> None:
        self.if_match_required = if_match_required

    async def take(self, asked: Asked) -> Command:
        caller = asked.caller()
        runtime = asked.runtime
        key, made = key_of(asked.head(b"idempotency-key"), runtime.unix_time())
        if_match = version_of(asked.head(b"if-match"), self.if_match_required)
        body = await asked.value()
        secret = runtime.secrets.at(made)
        scope = asked.scope
        identity = command_id(secret, caller.ref, scope["route"].command_name, scope["path"], key)
        correlation = asked.lenient_head(b"correlation-id")
        return Command(
            id=identity,
            hash=hmac.digest(secret, canonical(body), "sha256").hex(),
            actor=caller.ref,
            time=runtime.rules_time(),
            if_match=if_match,
            trace=asked.trace,
            correlation=correlation if correlation and _CORRELATION.fullmatch(correlation) else identity[:32],
        )


class OnAny(Commanding):
    """A command with an optional If-Match."""

    def __init__(self) -> None:
        super().__init__(if_match_required=False)

    async def __call__(
        self,
        request: Request,
        idempotency_key: Annotated[
            str,
            Header(pattern=UUID7_PATTERN, description="UUIDv7: a new one for each command, the same for each retry."),
        ],
        if_match: Annotated[
            str | None, Header(pattern=VERSION_PATTERN, description="Only if this is still the version.")
        ] = None,
    ) -> Command:
        return await self.take(request)  # type: ignore[arg-type]


class OnThisVersion(Commanding):
    """A command that must name the version it is about."""

    def __init__(self) -> None:
        super().__init__(if_match_required=True)

    async def __call__(
        self,
        request: Request,
        idempotency_key: Annotated[
            str,
            Header(pattern=UUID7_PATTERN, description="UUIDv7: a new one for each command, the same for each retry."),
        ],
        if_match: Annotated[str, Header(pattern=VERSION_PATTERN, description="The version this is about.")],
    ) -> Command:
        return await self.take(request)  # type: ignore[arg-type]


class TheLog:
    """The service's event log."""

    def take(self, asked: Asked) -> EventLog:
        return asked.runtime.log

    async def __call__(self, request: Request) -> EventLog:
        return self.take(request)  # type: ignore[arg-type]


Asking = Annotated[Command, Depends(OnAny())]
OnVersion = Annotated[Command, Depends(OnThisVersion())]
Log = Annotated[EventLog, Depends(TheLog())]
