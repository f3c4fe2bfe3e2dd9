"""Who may call an endpoint, as a parameter of it: `me: Citizen`. 401 without a good token, 403 without the role."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from shared.http.asked import Asked
from shared.http.problems import RoleMissing
from shared.http.roles import Role
from shared.http.tokens import Caller


class Needs(HTTPBearer):
    """A caller with at least one of the roles; with none named, anybody with a good token."""

    def __init__(self, *roles: Role) -> None:
        super().__init__(scheme_name="token", bearerFormat="JWT", description="EdDSA (Ed25519) JWT", auto_error=False)
        self.roles = roles
        self._enough = frozenset(role.value for role in roles)

    def take(self, asked: Asked) -> Caller:
        """The caller. TokenMissing, TokenInvalid, TokenExpired, RoleMissing."""
        caller = asked.caller()
        if self._enough and self._enough.isdisjoint(caller.roles):
            raise RoleMissing(roles=sorted(self._enough))
        return caller

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]
        return self.take(request)  # type: ignore[arg-type]


class MayCome:
    """The caller where there is a token, None where there is none. A bad token is 401 all the same."""

    def take(self, asked: Asked) -> Caller | None:
        return asked.caller() if b"authorization" in asked.heads else None

    async def __call__(self, request: Request) -> Caller | None:
        return self.take(request)  # type: ignore[arg-type]


Visitor = Annotated[Caller | None, Depends(MayCome())]
AnyCaller = Annotated[Caller, Depends(Needs())]
Citizen = Annotated[Caller, Depends(Needs(Role.CITIZEN))]
ProgramOperator = Annotated[Caller, Depends(Needs(Role.PROGRAM_OPERATOR))]
PlatformOperator = Annotated[Caller, Depends(Needs(Role.PLATFORM_OPERATOR))]
