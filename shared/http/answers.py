"""Answers as they leave: bytes and headers, made without detours."""

from collections.abc import Mapping

from starlette.responses import Response


class Answer(Response):
    """A whole answer: status, body and headers (lower-case names), with its content-length."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.status_code = status
        self.body = body
        self.background = None
        self.raw_headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        if status not in (204, 304):
            self.raw_headers.append((b"content-length", b"%d" % len(body)))
        self.raw_headers.append((b"x-content-type-options", b"nosniff"))


def etag(version: int) -> str:
    """The strong ETag of a version."""
    return f'"{version}"'
