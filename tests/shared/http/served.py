"""The tiny service behind a real uvicorn on a free port, for what only shows on a socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from shared.service import Service

SILENCE = 5.0  # seconds


@asynccontextmanager
async def served(app: Service) -> AsyncIterator[int]:
    """The port it listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=2))
        task = asyncio.create_task(server.serve(sockets=[listening]))
        for _ in range(500):
            if server.started:
                break
            await asyncio.sleep(0.01)
        try:
            yield int(listening.getsockname()[1])
        finally:
            server.should_exit = True
            await task


async def spoken(port: int, *parts: bytes, pause: float = 0.0, patience: float = SILENCE) -> bytes:
    """Say the parts on a fresh connection; all that comes back until it is closed, or we hang up after `patience`."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
    except ConnectionError:
        pass  # the server hung up first: what it said before is read below
    try:
        async with asyncio.timeout(patience):
            while piece := await reader.read(65_536):
                heard += piece
    except (TimeoutError, ConnectionError):
        pass
    writer.close()
    return heard
