"""RFC 9457 problem documents: the one form of every answer that is not what was asked for. Input is never echoed."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

import orjson

from shared.broker.port import BrokerAway
from shared.http.answers import Answer
from shared.refusals import Busy, Refusal, Unavailable
from shared.store.port import StoreAway

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:hamkke:problem:"
Flaw = dict[str, str]
"""One field that is not as it must be: {field, reason}, both safe to show."""


class HttpProblem(Refusal):
    """A refusal by the HTTP layer itself. `headers` go with the answer."""

    headers: ClassVar[tuple[tuple[str, str], ...]] = ()


class BadRequest(HttpProblem):
    """400: a header or parameter is not in its form. `flaws` say which."""

    code, status = "bad-request", 400
    ko, en = "요청의 형식이 올바르지 않습니다.", "The request is not in the right form."

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(errors=[{"field": field, "reason": reason}])


class BodyUnreadable(HttpProblem):
    """400: the body is not JSON as RFC 8259 and this API want it."""

    code, status = "body-unreadable", 400
    ko, en = "본문을 JSON으로 읽을 수 없습니다.", "The body cannot be read as JSON."

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        super().__init__(errors=list(flaws))


class Invalid(HttpProblem):
    """422: readable, but fields are missing, unknown or not of their type."""

    code, status = "invalid", 422
    ko, en = "입력한 내용이 올바르지 않습니다.", "Some fields are not valid."

    def __init__(self, flaws: Sequence[Flaw]) -> None:
        super().__init__(errors=list(flaws))


class TokenMissing(HttpProblem):
    """401: no bearer token."""

    code, status = "token-missing", 401
    ko, en = "로그인이 필요합니다.", "Sign in first: a bearer token is needed."
    headers = (("www-authenticate", 'Bearer realm="hamkke"'),)


class TokenInvalid(HttpProblem):
    """401: the token is not one of ours, or not for us. Which of the two is not said."""

    code, status = "token-invalid", 401
    ko, en = "인증 정보가 유효하지 않습니다.", "The bearer token is not valid."
    headers = (("www-authenticate", 'Bearer realm="hamkke", error="invalid_token"'),)


class TokenExpired(TokenInvalid):
    """401: the token was good until its time was over."""

    code = "token-expired"
    ko, en = "로그인 시간이 끝났습니다. 다시 로그인하세요.", "The bearer token has expired. Sign in again."


class RoleMissing(HttpProblem):
    """403: the caller is known and may not do this."""

    code, status = "role-missing", 403
    ko, en = "이 작업을 할 권한이 없습니다.", "Your roles do not allow this."


class NoSuchPath(HttpProblem):
    """404: nothing is at this path."""

    code, status = "not-found", 404
    ko, en = "찾을 수 없습니다.", "There is no such thing here."


class MethodNotAllowed(HttpProblem):
    """405: the path exists, the method does not."""

    code, status = "method-not-allowed", 405
    ko, en = "이 주소에서는 쓸 수 없는 메서드입니다.", "This method is not allowed here."

    def __init__(self, allowed: str) -> None:
        super().__init__()
        self.allowed = allowed


class BodyTooLarge(HttpProblem):
    """413: more bytes than a body may have. The connection is closed rather than read to its end."""

    code, status = "body-too-large", 413
    ko, en = "본문이 너무 큽니다.", "The body is too large."
    headers = (("connection", "close"),)


class NotJsonType(HttpProblem):
    """415: only `application/json` in UTF-8, not compressed, is read."""

    code, status = "media-type", 415
    ko = "본문은 UTF-8로 된 application/json이어야 합니다."
    en = "The body must be application/json in UTF-8, not compressed."
    headers = (("accept", "application/json"),)


class IfMatchMissing(HttpProblem):
    """428: this command needs the version that it is about."""

    code, status = "if-match-missing", 428
    ko = "If-Match 헤더에 읽은 버전을 넣어 보내세요."
    en = 'Send the version you have read in If-Match: "<version>".'


class NotYet(HttpProblem):
    """503: the list does not show yet what Read-After asks for. Old data is not given out instead."""

    code, status = "not-yet", 503
    ko, en = "아직 반영되지 않았습니다. 잠시 후 다시 시도하세요.", "This is not up to date yet. Try again shortly."
    headers = (("retry-after", "1"),)


class Away(HttpProblem):
    """503: something of ours is down. Nothing was half done; the same request may be sent again."""

    code, status = "unavailable", 503
    ko = "지금은 처리할 수 없습니다. 잠시 후 같은 요청을 다시 보내세요."
    en = "This cannot be done right now. Send the same request again shortly."
    headers = (("retry-after", "1"),)


class Broken(HttpProblem):
    """500: a bug of ours, named by its trace id."""

    code, status = "internal", 500
    ko = "서버 오류입니다. trace_id를 알려 주시면 찾아볼 수 있습니다."
    en = "Something broke on our side. The trace_id tells us what."


def refusal_of(error: Exception, trace_id: str) -> Refusal:
    """What the client is told about an exception."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, Unavailable | StoreAway | BrokerAway):
        return Away()
    return Broken(trace_id=trace_id)


def problem(refusal: Refusal, accept_language: str | None = None) -> Answer:
    """The refusal as a problem document, titled in the language the client would rather read (ko by default)."""
    language = preferred(accept_language or "")
    document: dict[str, Any] = refusal.details | {
        "type": TYPE + refusal.code,
        "title": refusal.en if language == "en" else refusal.ko,
        "status": refusal.status,
        "ko": refusal.ko,
        "en": refusal.en,
    }
    headers = {"content-type": MEDIA_TYPE, "content-language": language, "cache-control": "no-store"}
    if isinstance(refusal, HttpProblem):
        headers |= dict(refusal.headers)
    if isinstance(refusal, MethodNotAllowed):
        headers["allow"] = refusal.allowed
    if isinstance(refusal, Busy):
        headers["retry-after"] = "1"
    return Answer(refusal.status, orjson.dumps(document, default=str), headers)


@lru_cache(256)
def preferred(accept_language: str) -> str:
    """`en` where Accept-Language weighs it above ko, else `ko`."""
    weights = {"ko": 0.0, "en": 0.0}
    for part in accept_language.lower().split(","):
        tag, _, weight = part.strip().partition(";")
        language = tag.strip().partition("-")[0]
        if language in weights:
            quality = weight.replace(" ", "").removeprefix("q=")
            number = float(quality) if quality.replace(".", "", 1).isdigit() and quality.isascii() else 1.0
            weights[language] = max(weights[language], number)
    return "en" if weights["en"] > weights["ko"] else "ko"
