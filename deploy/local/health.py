"""Asks a service how it is, over HTTP, with nothing but sockets: the launcher shall stay small."""

import asyncio
import json
from typing import Any

from deploy.local.ports import LOOPBACK


async def health(port: int, path: str = "/health/ready", patience: float = 2.0) -> tuple[int, Any]:
    """HTTP status and JSON body; (0, None) where nobody answers in time."""
    try:
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\nConnection: close\r\n\r\n".encode())
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            finally:
                writer.close()
        status = int(head.split()[1])
    except (OSError, TimeoutError, IndexError, ValueError):
        return 0, None
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body.decode(errors="replace")[:200]


def reasons(body: Any) -> str:
    """Why a service is not ready, in its own words."""
    parts = body.get("parts") if isinstance(body, dict) else None
    if not isinstance(parts, dict):
        return str(body)
    return ", ".join(f"{part} {why}" for part, why in parts.items() if why)
