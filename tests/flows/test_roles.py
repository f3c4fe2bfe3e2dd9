"""Every endpoint has been called with every role, and only the allowed ones passed. Complete by construction."""

from typing import Any

import httpx
import pytest

from shared.http.endpoints import Route
from shared.http.roles import Role
from tests.flows.client import Client
from tests.flows.platform import Platform
from tests.flows.stories import a_call, an_application, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

EVERYONE = None
SIGNED_IN = frozenset(Role)
OPERATORS = frozenset({Role.PROGRAM_OPERATOR})
CITIZENS = frozenset({Role.CITIZEN})
STANDING = ("/health/live", "/health/ready", "/metrics", "/docs")
MAY: dict[tuple[str, str, str], frozenset[Role] | None] = {
    ("recruitment", "POST", "/calls"): OPERATORS,
    ("recruitment", "POST", "/calls/{call_id}/publish"): OPERATORS,
    ("recruitment", "POST", "/calls/{call_id}/open"): OPERATORS,
    ("recruitment", "POST", "/calls/{call_id}/extend"): OPERATORS,
    ("recruitment", "POST", "/calls/{call_id}/close"): OPERATORS,
    ("recruitment", "GET", "/calls"): EVERYONE,
    ("recruitment", "GET", "/calls/{call_id}"): EVERYONE,
    ("recruitment", "GET", "/calls/{call_id}/counts"): EVERYONE,
    ("recruitment", "POST", "/calls/{call_id}/applications"): CITIZENS,
    ("recruitment", "GET", "/calls/{call_id}/applications"): OPERATORS,
    ("recruitment", "GET", "/calls/{call_id}/applications/mine"): CITIZENS,
    ("recruitment", "POST", "/calls/{call_id}/applications/mine/withdraw"): CITIZENS,
    ("notifications", "GET", "/inbox"): SIGNED_IN,
} | {(service, "GET", path): EVERYONE for service in ("recruitment", "notifications") for path in STANDING}
BODIES: dict[str, Any] = {
    "/calls": a_call(),
    "/calls/{call_id}/applications": an_application(),
    "/calls/{call_id}/extend": {"closes_at": "2030-01-01T00:00:00Z", "reason": {"ko": "연장"}},
}


def endpoints(platform: Platform) -> set[tuple[str, str, str]]:
    return {
        (app.runtime.service, method, route.path)
        for app in platform.apps
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }


async def test_the_table_names_every_endpoint_there_is(platform: Platform) -> None:
    assert endpoints(platform) == set(MAY)


async def test_what_is_not_an_endpoint_of_ours_is_only_documentation(platform: Platform) -> None:
    for app in platform.apps:
        others = {getattr(route, "path", "") for route in app.routes if not isinstance(route, Route)}
        assert others <= {"/openapi.json", "/docs/oauth2-redirect"}


@pytest.mark.parametrize("who", [*Role, "no role", "nobody"])
async def test_each_endpoint_lets_in_whom_it_should(platform: Platform, who: Role | str) -> None:
    call_id = await opened(platform.operator())
    person = Client(platform.recruitment, platform.settings, *([who] if isinstance(who, Role) else [Role.VISITOR]))
    if who == "no role":
        person = Client(platform.recruitment, platform.settings)
        person.headers = {"authorization": f"Bearer {token_without_roles(platform)}"}
    elif who == "nobody":
        person.headers = {}
    for (service, method, path), allowed in MAY.items():
        answer = await ask(person.at(getattr(platform, service)), method, path, call_id)
        if allowed is EVERYONE:
            expected = "in"
        elif who == "nobody":
            expected = "unknown"
        elif who in allowed or (who == "no role" and allowed is SIGNED_IN):
            expected = "in"
        else:
            expected = "not allowed"
        assert {401: "unknown", 403: "not allowed"}.get(answer.status_code, "in") == expected, (who, method, path)


async def test_a_token_that_is_not_good_is_refused_wherever_one_may_be_shown(platform: Platform) -> None:
    call_id = await opened(platform.operator())
    person = platform.operator()
    person.headers = {"authorization": person.headers["authorization"][:-8] + "AAAAAAAA"}
    for service, method, path in MAY:
        if path not in STANDING:
            answer = await ask(person.at(getattr(platform, service)), method, path, call_id)
            assert answer.status_code == 401, (method, path)


async def ask(person: Client, method: str, path: str, call_id: str) -> httpx.Response:
    where = path.replace("{call_id}", call_id)
    if method == "GET":
        return await person.get(where)
    version = 9 if path.rpartition("/")[2] in ("publish", "open", "extend", "close") else None
    return await person.post(where, BODIES.get(path), version=version)


def token_without_roles(platform: Platform) -> str:
    from shared.http.tokens import issue_token

    return issue_token(platform.settings, [], "a" * 32)
