"""Private embedded servers for tests: own directory, free port, killed by their own pid and nothing else."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "var" / "tools" / "py" / "bin"
PATIENCE = 90.0  # seconds: a busy machine is no failure


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A process of ours that listens on one port of the loopback."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.port = directory, free_port()
        directory.mkdir(parents=True, exist_ok=True)
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> tuple[list[str], dict[str, str]]:
        """The command line and what it needs in its environment."""
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it listens."""
        command, environment = self.command()
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, **environment}, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self._process.poll() is not None:
                break
            with socket.socket() as probe:
                probe.settimeout(0.5)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        self.kill()
        raise RuntimeError(f"{command[0]} did not come up; see {self.directory / 'log'}")

    def signal(self, number: int) -> None:
        """Send it a signal: SIGSTOP, SIGCONT, …"""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: it loses whatever it had not made durable."""
        self.signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()


class EmbeddedStore(Server):
    """SecantusDB with its files under `directory`: what it confirmed survives `kill` and `start`."""

    def command(self) -> tuple[list[str], dict[str, str]]:
        command = [str(TOOLS / "secantusd-py"), "--host", "127.0.0.1", "--port", str(self.port)]
        durable = "transaction_sync=(enabled=true,method=none)"
        return [*command, "--storage-path", str(self.directory)], {"WIREDTIGER_CONFIG": durable}

    @property
    def uri(self) -> str:
        return f"mongodb://127.0.0.1:{self.port}/?retryWrites=false"


class EmbeddedBroker(Server):
    """Tansu in memory: `kill` and `start` make an empty cluster with another id."""

    def command(self) -> tuple[list[str], dict[str, str]]:
        address = f"tcp://127.0.0.1:{self.port}"
        listener = ["--listener-url", address, "--advertised-listener-url", address]
        command = [
            str(TOOLS / "tansu"),
            "broker",
            "--cluster-id",
            secrets.token_hex(8),
            "--storage-engine",
            "memory://tansu/",
        ]
        return [*command, *listener], {}

    @property
    def bootstrap(self) -> list[str]:
        return [f"127.0.0.1:{self.port}"]


def missing_tools() -> str | None:
    """Why the embedded servers cannot be started here, or None."""
    if not (TOOLS / "secantusd-py").exists():
        return "the embedded servers are not set up: type `make setup`"
    return None


def remove(directory: Path) -> None:
    """Remove a server's files."""
    shutil.rmtree(directory, ignore_errors=True)
