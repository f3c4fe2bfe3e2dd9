"""HTTP/1.1 to one service over kept connections, with nothing around it: thousands of volunteers share one small machine.

A general client spent five times the CPU of this on each request, which the services and the store then lacked.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit


class Unreachable(Exception):
    """No answer: refused, cut off, garbled, or too late. Whether the request was carried out is not known."""


class Response(NamedTuple):
    """Status and body."""

    status: int
    body: bytes


class Wire:
    """Connections to `http://host:port`, each used by one request at a time. `patience` in seconds an attempt."""

    def __init__(self, base: str, patience: float) -> None:
        where = urlsplit(base)
        self._host, self._port = where.hostname or "", where.port or 80
        self._patience = patience
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """One attempt. Raises Unreachable."""
        head = [f"{method} {path} HTTP/1.1", f"Host: {self._host}:{self._port}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None:
            head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        elif method == "POST":
            head.append("Content-Length: 0")
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._patience):
                reader, writer = await self._connection()
                writer.write("\r\n".join([*head, "", ""]).encode("latin-1") + (body or b""))
                response, keep = await _answer(reader)
        except (OSError, TimeoutError, EOFError, ValueError, IndexError) as error:
            if writer is not None:
                writer.close()
            raise Unreachable(repr(error)) from None
        except BaseException:
            if writer is not None:
                writer.close()
            raise
        if keep:
            self._idle.append((reader, writer))
        else:
            writer.close()
        return response

    def close(self) -> None:
        """Close what is idle."""
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not (reader.at_eof() or writer.is_closing()):
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)


async def _answer(reader: asyncio.StreamReader) -> tuple[Response, bool]:
    """The answer, and whether the connection may be used again."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ", 2)[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
        return Response(status, body), headers.get("connection", "").lower() != "close"
    if headers.get("transfer-encoding", "").lower() == "chunked":
        raise ValueError("chunked")  # the API's answers all have a length
    return Response(status, b"" if status in (204, 304) else await reader.read()), status in (204, 304)
