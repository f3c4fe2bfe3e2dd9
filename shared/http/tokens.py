"""Tokens: EdDSA JWTs checked against a key set by every service itself. What is not certainly good is 401."""

import json
import re
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import KeySet, OKPKey

from shared.http.keys import signing_key
from shared.http.problems import TokenExpired, TokenInvalid
from shared.http.roles import Role
from shared.settings import Settings, SettingsError

ALGORITHM = "Ed25519"  # RFC 9864's name; the older "EdDSA" does not say which curve
LONGEST = 4096  # characters
REMEMBERED = 10_000  # verified tokens
LOOK_AGAIN = 5.0  # seconds between two looks at the key file because of an unknown kid
_REF = re.compile(r"[0-9a-f]{32}")
_KNOWN = {role.value for role in Role}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the pseudonym that a token stands for, and the roles it carries."""

    ref: str
    roles: frozenset[str]
    token: str = field(default="", repr=False, compare=False)


class Tokens:
    """Checks tokens, and remembers good ones until they expire. `clock` gives Unix seconds."""

    def __init__(self, jwks: Path, issuer: str, audience: str, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = jwks, clock
        self._looked = -LOOK_AGAIN
        self._keys: dict[str, OKPKey] = {}
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock()),
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._good: dict[str, tuple[float, Caller]] = {}

    def caller(self, token: str) -> Caller:
        """Who the token stands for. TokenExpired, or TokenInvalid for whatever else is wrong with it."""
        known = self._good.get(token)
        if known is not None:
            if self._clock() < known[0]:
                return known[1]
            del self._good[token]
            raise TokenExpired
        expires, caller = self._verified(token)
        if len(self._good) >= REMEMBERED:
            del self._good[next(iter(self._good))]
        self._good[token] = expires, caller
        return caller

    def _verified(self, token: str) -> tuple[float, Caller]:
        if len(token) > LONGEST or not token.isascii():
            raise TokenInvalid
        try:
            found = jwt.decode(token, KeySet([self._key(token)]), algorithms=[ALGORITHM])
            self._claims.validate(found.claims)
        except ExpiredTokenError:
            raise TokenExpired from None
        except (JoseError, ValueError, TypeError, KeyError, RecursionError):
            raise TokenInvalid from None
        claims = found.claims
        subject, expires, roles = claims["sub"], claims["exp"], claims.get("roles")
        if not isinstance(subject, str) or not _REF.fullmatch(subject):
            raise TokenInvalid
        if type(expires) is not int or not isinstance(roles, list):
            raise TokenInvalid
        return expires, Caller(subject, frozenset(r for r in roles if isinstance(r, str) and r in _KNOWN), token)

    def _key(self, token: str) -> OKPKey:
        """The key that the token's header names; a key set changed since is read again."""
        header = jwt_header(token)
        if header.get("alg") != ALGORITHM or not isinstance(kid := header.get("kid"), str):
            raise TokenInvalid
        if kid not in self._keys and time.monotonic() - self._looked >= LOOK_AGAIN:
            self.load()
        if kid not in self._keys:
            raise TokenInvalid
        return self._keys[kid]

    def load(self) -> None:
        """Read the key set again and forget verified tokens. SettingsError when the file cannot be read."""
        self._looked = time.monotonic()
        try:
            keys = json.loads(self._path.read_text())["keys"]
            self._keys = {key["kid"]: OKPKey.import_key(key) for key in keys if key.get("crv") == "Ed25519"}
        except (OSError, ValueError, KeyError, TypeError, JoseError):
            raise SettingsError(
                f"HAMKKE_JWKS_FILE names {self._path}, which is not a readable key set; `make setup` makes one."
            ) from None
        self._good.clear()


def jwt_header(token: str) -> dict[str, object]:
    """The unverified header, for its kid. ValueError when there is none."""
    first = token.partition(".")[0]
    header = json.loads(urlsafe_b64decode(first + "=" * (-len(first) % 4)))
    if not isinstance(header, dict):
        raise ValueError("no header")
    return header


def issue_token(settings: Settings, roles: Iterable[Role], sub: str, ttl: float = 600) -> str:
    """A token for `ttl` seconds, signed with the development key. SettingsError outside the embedded profile."""
    if settings.profile != "embedded":
        raise SettingsError(
            f"HAMKKE_PROFILE is {settings.profile!r}, but only the embedded profile signs tokens itself."
        )
    try:
        key = signing_key(settings.signing_key_file)
    except (OSError, ValueError):
        raise SettingsError(
            f"HAMKKE_SIGNING_KEY_FILE names {settings.signing_key_file}, which cannot be read; `make setup` makes one."
        ) from None
    now = time.time()
    claims = {
        "iss": settings.issuer,
        "aud": settings.audience,
        "sub": sub,
        "roles": [role.value for role in roles],
        "iat": int(now),
        "exp": int(now + ttl),
    }
    return jwt.encode({"alg": ALGORITHM, "kid": key.kid, "typ": "JWT"}, claims, key, algorithms=[ALGORITHM])
