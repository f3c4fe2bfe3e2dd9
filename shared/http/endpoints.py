"""From an endpoint's signature to a handler, once at start-up. FastAPI declares and documents; requests take this way.

An endpoint's parameters are: parts of its path, one body model, query parameters, and `Depends` of our own parts
(`Citizen`, `Asking`, `Log`, `Paged`, …) or of any function with such parameters. Anything else fails at start-up.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Coroutine
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from fastapi import APIRouter, Request, Response
from fastapi.params import Depends, Query
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.http.answers import Answer, etag
from shared.http.asked import Asked
from shared.http.callers import MayCome, Needs
from shared.http.commands import Commanding, Receipt
from shared.http.openapi import documented
from shared.http.problems import BadRequest, Invalid, NoSuchPath
from shared.http.reads import READ_AFTER_TOLD, ReadAfterHeader, Shown, unchanged
from shared.http.validation import flaws_of, open_models, validated

Source = Callable[[Asked], Any]
_JSON = "application/json"


class Route(APIRoute):
    """A route whose handler is ours. `command_name` is part of every command id: renaming an endpoint changes it."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        self.command_name = getattr(endpoint, "__name__", path)
        plan = Plan(endpoint, path)
        more["responses"] = documented(plan, more.get("responses") or {})
        if isinstance(more.get("response_class"), type):
            more.setdefault("response_model", None)
        if any(isinstance(part, ReadAfterHeader) for part in plan.parts):
            told = more.get("description") or inspect.cleandoc(endpoint.__doc__ or "")
            more["description"] = f"{told}\n\n{READ_AFTER_TOLD}".strip()
        super().__init__(path, endpoint, **more)
        self.plan = plan
        self.answer = plan.handler(self.status_code or 200)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def handle(request: Request) -> Response:
            assert isinstance(request, Asked)
            return await self.answer(request)

        return handle


class Router(APIRouter):
    """A service's endpoints: FastAPI's router with our way of handling requests."""

    def __init__(self, **more: Any) -> None:
        super().__init__(route_class=Route, **more)


class Plan:
    """How each parameter of an endpoint is found, in the order of refusing: caller, path and headers, then the body."""

    def __init__(self, endpoint: Callable[..., Any], path: str) -> None:
        if not inspect.iscoroutinefunction(endpoint):
            raise TypeError(f"{endpoint.__name__}: an endpoint is an async function")
        self.endpoint = endpoint
        self.in_path = frozenset(re.findall(r"{(\w+)", path))
        self.parts: list[Any] = []
        self.body: Any = None
        self.has_query = False
        sources = self._sources(endpoint)
        sources.sort(key=lambda found: found[0])
        self._sync = [(name, source) for _, name, source, waits in sources if not waits]
        self._async = [(name, source) for _, name, source, waits in sources if waits]
        self.commanding = next((part for part in self.parts if isinstance(part, Commanding)), None)

    @property
    def has_caller(self) -> bool:
        return any(isinstance(part, Needs | MayCome) for part in self.parts)

    def handler(self, status: int) -> Callable[[Asked], Coroutine[Any, Any, Response]]:
        """The whole way of one request; refusals are raised."""
        endpoint, at_once, later = self.endpoint, self._sync, self._async
        private = self.has_caller
        empty = self.commanding is not None and self.body is None

        async def handle(asked: Asked) -> Response:
            if b"%" in asked.scope["raw_path"]:
                _check_path(asked)
            found = {name: source(asked) for name, source in at_once}
            for name, source in later:
                found[name] = await source(asked)
            if empty and await asked.value() not in (None, {}):
                raise Invalid([{"field": "body", "reason": "this command has no body"}])
            return _answer(asked, await endpoint(**found), status, private)

        return handle

    def _sources(self, function: Callable[..., Any]) -> list[tuple[int, str, Any, bool]]:
        hints = get_type_hints(function, include_extras=True)
        return [
            self._source(function, parameter, hints.get(name))
            for name, parameter in inspect.signature(function).parameters.items()
        ]

    def _source(
        self, function: Callable[..., Any], parameter: inspect.Parameter, hint: Any
    ) -> tuple[int, str, Any, bool]:
        name = parameter.name
        plain, *marks = get_args(hint) if get_origin(hint) is Annotated else (hint,)
        depends = next((mark for mark in marks if isinstance(mark, Depends)), None)
        if depends is not None and depends.dependency is not None:
            return self._part(name, depends.dependency)
        if isinstance(plain, type) and issubclass(plain, Request):
            return 1, name, lambda asked: asked, False
        if name in self.in_path:
            return 1, name, _from_path(name, hint), False
        if _is_body(plain):
            if loose := open_models(plain):
                raise TypeError(f"{function.__name__}: {', '.join(loose)} must forbid unknown fields (inherit Form)")
            self.body = hint
            return 3, name, _from_body(TypeAdapter(hint)), True
        if any(isinstance(mark, Query) for mark in marks):
            self.has_query = True
            return 1, name, _from_query(name, hint, parameter.default), False
        raise TypeError(f"{function.__name__}: nothing says where its parameter {name!r} comes from")

    def _part(self, name: str, part: Any) -> tuple[int, str, Any, bool]:
        self.parts.append(part)
        take = getattr(part, "take", None)
        if take is not None:
            order = 0 if isinstance(part, Needs | MayCome) else 1
            waits = inspect.iscoroutinefunction(take)
            return (2 if waits else order), name, take, waits
        inner = self._sources(part)

        async def solve(asked: Asked) -> Any:
            found = {
                inner_name: (await source(asked) if waits else source(asked)) for _, inner_name, source, waits in inner
            }
            result = part(**found)
            return await result if isinstance(result, Awaitable) else result

        return 2, name, solve, True


def _answer(asked: Asked, result: Any, status: int, private: bool) -> Response:
    headers = {"content-type": _JSON, "cache-control": "no-store" if private else "no-cache"}
    if isinstance(result, Response):
        return result
    if isinstance(result, Receipt):
        headers["etag"] = etag(result.version)
    elif isinstance(result, Shown):
        headers["etag"] = etag(result.version)
        if unchanged(asked, result.version):
            return Answer(304, b"", {"etag": headers["etag"], "cache-control": headers["cache-control"]})
    if isinstance(result, BaseModel):
        return Answer(status, result.__pydantic_serializer__.to_json(result), headers)
    return Answer(status, b"", {"cache-control": headers["cache-control"]})


def _check_path(asked: Asked) -> None:
    path = asked.scope["path"]
    if "\0" in path or "\ufffd" in path:
        raise BadRequest("path", "not text in UTF-8 without NUL")


def _is_body(plain: Any) -> bool:
    return any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in (plain, *get_args(plain)))


def _from_path(name: str, hint: Any) -> Source:
    if hint is str:
        return lambda asked: asked.scope["path_params"][name]
    adapter: TypeAdapter[Any] = TypeAdapter(hint)

    def take(asked: Asked) -> Any:
        try:
            return adapter.validate_python(asked.scope["path_params"][name])
        except ValidationError:
            raise NoSuchPath from None  # an id in no possible form is an id of nothing

    return take


def _from_body(adapter: TypeAdapter[Any]) -> Source:
    async def take(asked: Asked) -> Any:
        return validated(adapter, await asked.value())

    return take


def _from_query(name: str, hint: Any, default: Any) -> Source:
    adapter: TypeAdapter[Any] = TypeAdapter(hint)

    def take(asked: Asked) -> Any:
        given = asked.query((name,)).get(name)
        if given is None:
            if default is inspect.Parameter.empty:
                raise BadRequest(name, "missing")
            return default
        try:
            return adapter.validate_strings(given)
        except ValidationError as error:
            raise BadRequest(name, flaws_of(error)[0]["reason"]) from None

    return take
