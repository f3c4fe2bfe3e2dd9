"""Logs: one JSON object a line on standard output, from us and from every library. Never who asked, nor what.

Our own lines name routes, codes and counts. What libraries write passes the same formatter, which masks whatever looks
like a person's pseudonym, an address or a token, and drops the request lines of the HTTP server.
"""

import logging
import re
import sys
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
_PERSONAL = re.compile(
    r"mongodb(?:\+srv)?://[^\s@/]+@"  # credentials in a connection string
    r"|eyJ[\w-]+\.[\w-]+\.[\w-]*"  # a token
    r"|[\w.+-]+@[\w-]+\.[\w.-]*[A-Za-z]"  # an e-mail address
    r"|(?<![\w-])\+?0?1[016789]-?\d{3,4}-?\d{4}(?!\d)"  # a Korean mobile number
    r"|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])"  # a pseudonym
)


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
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[_common, structlog.stdlib.ProcessorFormatter.remove_processors_meta, _mask, _render],
            foreign_pre_chain=[_foreign],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "faststream", "aiokafka", "pymongo", "asyncio"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)
    logging.captureWarnings(True)


def _foreign(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    return line


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
    return {
        name: masked(value) if isinstance(value, str) and name not in ("trace_id", "level", "logger") else value
        for name, value in line.items()
    }


def _render(_: WrappedLogger, __: str, line: EventDict) -> str:
    return orjson.dumps(line, default=lambda value: masked(str(value))).decode()


class RequestLog:
    """Writes a line per answered request, without detours: this runs on every request."""

    def __init__(self, service: str, wanted: bool) -> None:
        self._service = service
        self._logger = logging.getLogger("hamkke.requests")
        self._wanted = wanted

    def __call__(self, method: str, route: str, status: int, milliseconds: float, trace_id: str) -> None:
        if self._wanted and self._logger.isEnabledFor(logging.INFO):
            line = {
                "event": "request",
                "service": self._service,
                "method": method,
                "route": route,
                "status": status,
                "ms": round(milliseconds, 1),
                "trace_id": trace_id,
            }
            self._logger.info(line)
