"""One request as the endpoints' parts see it: headers once, body within its limit, the caller looked up once."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from fastapi import Request
from starlette.types import Receive, Scope

from shared.http.problems import BadRequest, BodyTooLarge, NotJsonType, TokenMissing
from shared.http.strict import parse
from shared.http.tokens import Caller

if TYPE_CHECKING:
    from shared.runtime import Runtime

_JSON = frozenset({b"application/json", b"application/json; charset=utf-8", b"application/json;charset=utf-8"})
_MISSING = object()
PASS_FOR, PASS_MOST = 0.5, 2**20  # seconds, bytes: how much of a body that is too large is thrown away


class ClientGone(Exception):
    """The client hung up before its request was whole: there is nobody to answer."""


class Asked(Request):
    """A request. `heads` are its headers by lower-case name, raw; `trace` is our own traceparent for it."""

    runtime: "Runtime"
    trace: str

    def __init__(self, scope: Scope, receive: Receive, runtime: "Runtime", trace: str) -> None:
        super().__init__(scope, receive)
        self.runtime, self.trace = runtime, trace
        self.heads: dict[bytes, bytes] = dict(scope["headers"])
        self._doubled = len(self.heads) != len(scope["headers"])
        self._caller: Caller | None = None
        self._json: Any = _MISSING

    def head(self, name: bytes) -> str | None:
        """A header's value, None when absent. BadRequest when it is given twice."""
        value = self.heads.get(name)
        if value is None:
            return None
        if self._doubled and sum(1 for header, _ in self.scope["headers"] if header == name) > 1:
            raise BadRequest(name.decode(), "given twice")
        return value.decode("latin-1")

    def lenient_head(self, name: bytes) -> str | None:
        """A header's value; None when absent or given twice."""
        if self._doubled and sum(1 for header, _ in self.scope["headers"] if header == name) > 1:
            return None
        value = self.heads.get(name)
        return None if value is None else value.decode("latin-1")

    def caller(self) -> Caller:
        """Who asks. TokenMissing, TokenInvalid, TokenExpired."""
        if self._caller is None:
            scheme, _, token = (self.lenient_head(b"authorization") or "").partition(" ")
            if scheme.lower() != "bearer" or not token:
                raise TokenMissing
            self._caller = self.runtime.tokens.caller(token.strip())
        return self._caller

    async def read(self) -> bytes:
        """The whole body, once. BodyTooLarge as soon as it is known to be."""
        limit = self.runtime.settings.body_limit
        announced = self.heads.get(b"content-length")
        if announced is not None and announced.isdigit() and int(announced[:20]) > limit:
            await self._let_it_pass()
            raise BodyTooLarge
        if hasattr(self, "_body"):
            return self._body
        parts, size = [], 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part = message.get("body", b"")
            size += len(part)
            if size > limit:
                if message.get("more_body", False):
                    await self._let_it_pass()
                raise BodyTooLarge
            parts.append(part)
            if not message.get("more_body", False):
                break
        self._body = parts[0] if len(parts) == 1 else b"".join(parts)
        return self._body

    async def _let_it_pass(self) -> None:
        """Throw away some of what still comes: hanging up on a client that is writing would take its answer away."""
        if b"expect" in self.heads:
            return
        passed = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(PASS_FOR):
                while passed < PASS_MOST:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    passed += len(message.get("body", b""))
                    if not message.get("more_body", False):
                        return

    async def value(self) -> Any:
        """The body's JSON value, strictly read; None when there is no body at all."""
        if self._json is _MISSING:
            raw = await self.read()
            if raw:
                self._check_media_type()
            self._json = parse(raw, self.runtime.settings.body_depth) if raw else None
        return self._json

    def _check_media_type(self) -> None:
        if (self.heads.get(b"content-encoding") or b"identity").lower() != b"identity":
            raise NotJsonType
        kind = (self.lenient_head(b"content-type") or "").lower()
        if kind.encode("latin-1") in _JSON:
            return
        media, *parameters = [part.strip() for part in kind.split(";")]
        if media != "application/json" or not all(_harmless(parameter) for parameter in parameters):
            raise NotJsonType

    def query(self, known: Sequence[str]) -> dict[str, str]:
        """The query parameters among `known`. BadRequest for a doubled one, for NUL and for what is not UTF-8."""
        raw = self.scope["query_string"]
        if not raw:
            return {}
        found: dict[str, str] = {}
        for name, value in query_pairs(raw):
            if name in known:
                if name in found:
                    raise BadRequest(name, "given twice")
                if "\0" in value or "\ufffd" in value:
                    raise BadRequest(name, "not text in UTF-8 without NUL")
                found[name] = value
        return found


def query_pairs(raw: bytes) -> list[tuple[str, str]]:
    """The pairs of a query string; bytes that are not UTF-8 become U+FFFD."""
    return parse_qsl(raw.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace")


def _harmless(parameter: str) -> bool:
    name, _, value = parameter.partition("=")
    return not parameter or (name.strip() == "charset" and value.strip().strip('"') in ("utf-8", "utf8"))
