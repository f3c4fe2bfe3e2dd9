"""Logs: one JSON object a line on standard output, from us and from every library. Never who asked, nor what.

Our own lines name routes, codes and counts. What libraries write passes the same formatter, which masks whatever looks
like a person's pseudonym, an address or a token, and drops the request lines of the HTTP server.
"""

import asyncio
import logging
import re
import sys
import time
from contextlib import nullcontext
from typing import Any, TextIO

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger

from shared.telemetry import trace

_QUIET = {
    "uvicorn.access": logging.CRITICAL,  # has paths in it; ours names routes
    "httpx": logging.WARNING,
    "aiokafka.consumer.group_coordinator": logging.WARNING,
    "aiokafka.consumer.subscription_state": logging.WARNING,
    "aiokafka.cluster": logging.WARNING,
}
GATHER = 0.05  # seconds that request lines may wait for others
_PERSONAL = re.compile(
    r"mongodb(?:\+srv)?://[^\s@/]+@"  # credentials in a connection string
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a token
    r"|[\w.+-]+@[\w-]+\.[\w.-]*[A-Za-z]"  # an e-mail address
    r"|(?<![\w-])\+?0?1[016789]-?\d{3,4}-?\d{4}(?!\d)"  # a Korean mobile number
    r"|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"  # a pseudonym
)


class Output(logging.StreamHandler[TextIO]):
    """The one place where lines leave the process: standard output as it is at that moment, or a given stream."""

    def __init__(self, given: TextIO | None) -> None:
        self._given = given
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:  # type: ignore[override]
        return self._given or sys.stdout

    def write(self, text: str) -> None:
        """Write whole lines."""
        with self.lock or nullcontext():
            self.stream.write(text)
            self.flush()


def masked(text: str) -> str:
    """The text without anything that looks personal or secret."""
    return _PERSONAL.sub("…", text)


def setup_logs(level: str = "info", stream: TextIO | None = None) -> None:
    """Send structlog and the standard library's logging through one JSON formatter to `stream` (standard output)."""
    structlog.configure(
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = Output(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[_common, structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask, _render],
            foreign_pre_chain=[structlog.stdlib.ExtraAdder()],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [kept for kept in root.handlers if type(kept) not in (logging.StreamHandler, Output)]
    root.addHandler(handler)
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "faststream", "aiokafka", "pymongo", "asyncio"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)
    logging.captureWarnings(True)


def _common(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    record = line["_record"]
    line["level"] = record.levelname.lower()
    line["logger"] = record.name
    line["time"] = record.created
    if current := trace.trace_id(trace.current.get()):
        line.setdefault("trace_id", current)
    error = line.pop("exc_info", None) or record.exc_info
    if error and not isinstance(error, tuple):
        error = sys.exc_info() if error is True else (type(error), error, error.__traceback__)
    if error and error[0]:
        line["error"] = error[0].__name__
        line["where"] = _where(error[2])
        if not _may_quote_input(error[0]):
            line["because"] = str(error[1])[:500]
    return line


def _may_quote_input(kind: type[BaseException]) -> bool:
    """Whether such an exception's text tends to hold the value that it is about."""
    return issubclass(kind, ValueError | TypeError | LookupError | AttributeError | UnicodeError)


def _where(traceback: Any) -> list[str]:
    """File and line of the last frames: no source lines, no values."""
    frames = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{'/'.join(code.co_filename.split('/')[-3:])}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return frames[-12:]


def _mask(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    return {name: value if name in ("trace_id", "level", "logger") else _shown(value) for name, value in line.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, int | float | None):
        return value
    if isinstance(value, list | tuple):
        return [_shown(inner) for inner in value]
    return masked(value if isinstance(value, str) else str(value))


def _render(_: WrappedLogger, __: str, line: EventDict) -> str:
    return orjson.dumps(line).decode()


class RequestLog:
    """Writes a line per answered request, at little cost: made of our own words only, many lines in one write."""

    def __init__(self, service: str, wanted: bool) -> None:
        self._service, self._wanted = service, wanted
        self._logger = logging.getLogger("hamkke.requests")
        self._lines: list[bytes] = []

    def __call__(self, method: str, route: str, status: int, seconds: float, trace_id: str) -> None:
        if not self._wanted or not self._logger.isEnabledFor(logging.INFO):
            return
        line = {
            "event": "request",
            "service": self._service,
            "method": method,
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
            "trace_id": trace_id,
            "level": "info",
            "logger": "hamkke.requests",
            "time": time.time(),
        }
        if not self._lines:
            asyncio.get_running_loop().call_later(GATHER, self.flush)
        self._lines.append(orjson.dumps(line))

    def flush(self) -> None:
        """Write what was gathered."""
        lines, self._lines = self._lines, []
        for handler in logging.getLogger().handlers:
            if lines and isinstance(handler, Output):
                handler.write(b"\n".join(lines).decode() + "\n")
