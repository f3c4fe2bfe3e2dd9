"""A client that behaves as a real one does: a token, a fresh key for each command, the same one for a repeat."""

import secrets
import time
from typing import Any

import httpx

from shared.http.roles import Role
from shared.http.tokens import issue_token
from shared.settings import Settings

PATIENCE = 20.0  # seconds: machines that run tests are busy


def uuid7(milliseconds: int | None = None) -> str:
    """A UUIDv7 of now, or of another time."""
    made = time.time_ns() // 1_000_000 if milliseconds is None else milliseconds
    value = (made << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62) | secrets.randbits(62)
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


class Client:
    """Somebody with a role, at one service."""

    def __init__(self, http: httpx.AsyncClient, settings: Settings, *roles: Role, ref: str | None = None) -> None:
        self._http, self._settings = http, settings
        self.ref = ref or secrets.token_hex(16)
        self.headers = {"authorization": f"Bearer {issue_token(settings, roles, self.ref)}"} if roles else {}

    def at(self, http: httpx.AsyncClient) -> "Client":
        """The same person at another service."""
        other = Client(http, self._settings, ref=self.ref)
        other.headers = self.headers
        return other

    async def post(
        self, path: str, body: Any = None, *, key: str | None = None, version: int | None = None, **headers: str
    ) -> httpx.Response:
        """A command. `version` is what If-Match names."""
        sent = self.headers | {"idempotency-key": key or uuid7()} | headers
        if version is not None:
            sent["if-match"] = f'"{version}"'
        return (
            await self._http.post(path, json=body, headers=sent)
            if body is not None
            else await self._http.post(path, headers=sent)
        )

    async def get(self, path: str, *, after: str | None = None, patient: bool = True, **query: Any) -> httpx.Response:
        """A read. `after` is `<stream>@<version>` of a receipt; while that is not there yet, a patient one asks again."""
        headers = self.headers | ({"read-after": after} if after else {})
        until = time.monotonic() + PATIENCE
        while True:
            answer = await self._http.get(path, params=query, headers=headers)
            if not (patient and after and answer.status_code == 503) or time.monotonic() > until:
                return answer


def after(receipt: dict[str, Any]) -> str:
    """What Read-After takes of a receipt."""
    return f"{receipt['stream']}@{receipt['version']}"
