"""The OpenAPI document: every answer an endpoint can give is in it, problems by one schema."""

from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from shared.http.callers import Needs
from shared.http.problems import MEDIA_TYPE

if TYPE_CHECKING:
    from shared.http.endpoints import Plan

TELLING = {
    400: "A header, parameter or body is not in its form.",
    401: "No bearer token, or none that is good.",
    403: "The caller's roles do not allow this.",
    404: "There is no such thing, or it is not for the caller to know.",
    409: "A rule says no; `type` says which. Or others kept being faster (Retry-After).",
    412: "If-Match names another version than the current one.",
    413: "The body is too large.",
    415: "The body is not application/json in UTF-8.",
    422: "The body's fields are not valid, a rule cannot use them, or the Idempotency-Key was used differently. "
    "(An answer that changed nothing is not bound to its key.)",
    428: "If-Match is missing.",
    500: "A bug of ours, named by its trace id.",
    503: "Something of ours is away, or a list is not up to date yet. Send the same again after Retry-After.",
}
_REF = {"schema": {"$ref": "#/components/schemas/Problem"}}
_ETAG = {"ETag": {"description": 'The version, as "<version>".', "schema": {"type": "string"}}}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}}}
_CHALLENGE = {"WWW-Authenticate": {"description": "Bearer.", "schema": {"type": "string"}}}
PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "RFC 9457, in Korean and English. Further members belong to the type.",
    "type": "object",
    "required": ["type", "title", "status", "ko", "en"],
    "properties": {
        "type": {"type": "string", "pattern": "^urn:hamkke:problem:[a-z0-9-]+$"},
        "title": {"type": "string", "description": "ko, or en where Accept-Language prefers it."},
        "status": {"type": "integer"},
        "ko": {"type": "string"},
        "en": {"type": "string"},
        "trace_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "reason"],
                "properties": {"field": {"type": "string"}, "reason": {"type": "string"}},
            },
        },
    },
}


def documented(plan: "Plan", given: dict[int | str, dict[str, Any]]) -> dict[int | str, dict[str, Any]]:
    """The answers of an endpoint beside its good one: what its parts can refuse, and what can always happen."""
    needs = any(isinstance(part, Needs) for part in plan.parts)
    commands = plan.commanding is not None
    statuses = {400, 422, 500, 503}
    if needs or plan.has_caller:
        statuses.add(401)
    if needs:
        statuses.add(403)
    if plan.in_path or not commands:
        statuses.add(404)
    if commands or plan.body is not None:
        statuses |= {413, 415}
    if commands:
        statuses |= {404, 409, 412}
    if plan.commanding is not None and plan.commanding.if_match_required:
        statuses.add(428)
    found: dict[int | str, dict[str, Any]] = {status: _problem(status) for status in sorted(statuses)}
    return found | given


def _problem(status: int) -> dict[str, Any]:
    shown: dict[str, Any] = {"description": TELLING[status], "content": {MEDIA_TYPE: _REF}}
    if status == 401:
        shown["headers"] = _CHALLENGE
    if status == 503:
        shown["headers"] = _RETRY
    return shown


def document(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI 3.1 document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = made.setdefault("components", {}).setdefault("schemas", {})
        schemas["Problem"] = PROBLEM
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for operations in made["paths"].values():
            for operation in operations.values():
                _finish(operation, schemas)
        app.openapi_schema = made
    return app.openapi_schema


def _finish(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """What FastAPI cannot know: ETags on answers with a version, and 304 where If-None-Match is understood."""
    for status, answer in list(operation["responses"].items()):
        if not status.startswith("2"):
            continue
        reference = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
        if "version" in schemas.get(reference.rpartition("/")[2], {}).get("properties", {}):
            answer["headers"] = _ETAG
            if "requestBody" not in operation and not _is_command(operation):
                operation["responses"]["304"] = {"description": "It is still the version that If-None-Match names."}
                operation.setdefault("parameters", []).append(
                    {
                        "name": "if-none-match",
                        "in": "header",
                        "required": False,
                        "schema": {"type": "string", "pattern": '^"[0-9]{1,15}"$'},
                        "description": "Answer 304 if this is still the version.",
                    }
                )


def _is_command(operation: dict[str, Any]) -> bool:
    return any(parameter["name"] == "idempotency-key" for parameter in operation.get("parameters", []))
