"""Why a rule says no. A refusal is an answer, not a failure: it has a type, an HTTP status and words in ko and en."""

from typing import Any, ClassVar


class Refusal(Exception):
    """A rule's no. Subclasses name the fact that stands in the way and say it in both languages.

    `code` ends the problem type URI; `details` are published members of the problem document (no personal data).
    """

    code: ClassVar[str] = "refused"
    status: ClassVar[int] = 409
    ko: ClassVar[str] = "요청을 받아들일 수 없습니다."
    en: ClassVar[str] = "The request is refused."

    def __init__(self, **details: Any) -> None:
        super().__init__(self.en)
        self.details = details


class NotThere(Refusal):
    """404: it does not exist, or its existence is not for the caller to know."""

    code, status = "not-found", 404
    ko, en = "찾을 수 없습니다.", "There is no such thing here."


class VersionMismatch(Refusal):
    """412: If-Match names another version than the current one."""

    code, status = "version-mismatch", 412
    ko = "그 사이에 내용이 바뀌었습니다. 새로 읽은 뒤 다시 시도하세요."
    en = "It has changed in the meantime. Read it again, then retry."


class KeyReused(Refusal):
    """422: the idempotency key was used before with another body."""

    code, status = "idempotency-key-reused", 422
    ko = "같은 Idempotency-Key로 다른 내용이 이미 처리되었습니다."
    en = "This Idempotency-Key was used before with another request body."


class KeyTooOld(Refusal):
    """422: the idempotency key was made more than 6 days ago, past what is surely remembered."""

    code, status = "idempotency-key-too-old", 422
    ko = "Idempotency-Key가 6일보다 오래되었습니다. 새 키로 다시 보내세요."
    en = "This Idempotency-Key is older than 6 days. Send the request with a new one."


class Busy(Refusal):
    """409 with Retry-After: others kept being faster."""

    code, status = "busy", 409
    ko = "동시에 처리 중인 요청이 많습니다. 잠시 후 다시 시도하세요."
    en = "Others were changing this at the same moment. Try again shortly."


class TooLarge(Refusal):
    """413: the commit would be larger than a record may be."""

    code, status = "too-large", 413
    ko, en = "내용이 너무 큽니다.", "The content is too large."


class Unavailable(Exception):
    """503 with Retry-After: something of ours is down, or an outcome could not be settled in time."""
