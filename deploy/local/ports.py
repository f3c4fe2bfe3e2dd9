"""Ports of this machine's loopback."""

import asyncio
import socket

import psutil

from deploy.local.trouble import Trouble

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Whether a server could listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def require_free(wanted: dict[str, int]) -> None:
    """Raise Trouble for the first port that is taken, naming who has it where the machine tells."""
    for name, port in wanted.items():
        if not 0 < port < 65_536:
            raise Trouble(f"Port {port} (for {name}) does not exist; choose a --port between 1024 and 65000.")
        if not is_free(port):
            raise Trouble(
                f"Port {port} (for {name}) is taken by {_holder(port)}; stop that, or choose other ports with --port N."
            )


def _holder(port: int) -> str:
    try:
        pids = [
            c.pid
            for c in psutil.net_connections("tcp")
            if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port
        ]
        if pids and pids[0]:
            return f"{psutil.Process(pids[0]).name()} (process {pids[0]})"
    except psutil.Error:
        pass  # the machine does not tell; the sentence says so
    return "another program"


async def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(LOOPBACK, port), 0.5)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
