"""A TCP proxy in a process of its own, before broker and store: it cuts, delays and freezes connections.

`python -m tests.faults.proxy NAME=FROM:TO …` obeys lines of JSON on its standard input, `{"gate": NAME, "do": …}`, and
answers each with a line. Ends with its standard input.
"""

import asyncio
import json
import sys
from typing import Any

import uvloop

LOOPBACK = "127.0.0.1"
CHUNK = 256 * 1024


class Gate:
    """One port and what lies behind it."""

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._writers: set[asyncio.StreamWriter] = set()
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._delay = 0.0

    async def listen(self) -> None:
        await asyncio.start_server(self._accept, LOOPBACK, self._port, limit=CHUNK)

    def obey(self, do: str, seconds: float = 0.0) -> int:
        """Do as told; how many connections there are."""
        there = len(self._writers) // 2
        match do:
            case "cut":
                self._cut()
            case "delay":
                self._delay = seconds
            case "freeze":
                self._thawed.clear()
            case "heal":
                self._delay = 0.0
                self._thawed.set()
            case _:
                raise ValueError(do)
        return there

    def _cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind, onward = await asyncio.open_connection(LOOPBACK, self._target, limit=CHUNK)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, onward}
        try:
            await asyncio.wait(
                [asyncio.create_task(self._pump(reader, onward)), asyncio.create_task(self._pump(behind, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            self._writers -= {writer, onward}
            for one in (writer, onward):
                one.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while some := await reader.read(CHUNK):
                if self._delay:
                    await asyncio.sleep(self._delay)
                await self._thawed.wait()
                if writer.is_closing():
                    return
                writer.write(some)
                await writer.drain()
        except OSError:
            return  # cut, by us or by one of the two


class Proxy:
    """The proxy's process, seen from the harness."""

    def __init__(self, gates: dict[str, tuple[int, int]]) -> None:
        self._gates = gates
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    async def start(self) -> None:
        words = [f"{name}={port}:{target}" for name, (port, target) in self._gates.items()]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.proxy", *words,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        if not await self._process.stdout.readline():
            raise RuntimeError("the proxy does not start")

    async def tell(self, gate: str, do: str, seconds: float = 0.0) -> int:
        """Returns how many connections there were, when it is done."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        async with self._turn:
            process.stdin.write(json.dumps({"gate": gate, "do": do, "seconds": seconds}).encode() + b"\n")
            await process.stdin.drain()
            return int(await process.stdout.readline())

    async def heal(self) -> None:
        for gate in self._gates:
            await self.tell(gate, "heal")

    async def stop(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()


async def main(words: list[str]) -> None:
    """Open the gates, then obey."""
    gates: dict[str, Gate] = {}
    for word in words:
        name, _, ports = word.partition("=")
        port, _, target = ports.partition(":")
        gates[name] = Gate(int(port), int(target))
        await gates[name].listen()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    _say("ready")
    while line := await lines.readline():
        told: dict[str, Any] = json.loads(line)
        _say(str(gates[told["gate"]].obey(told["do"], told.get("seconds", 0.0))))


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))
