"""Tokens: what is not certainly good is 401, a missing role is 403, and neither says more than it must."""

import base64
import hmac
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from shared.http.keys import make_keys, signing_key
from shared.http.problems import TokenExpired, TokenInvalid
from shared.http.roles import Role
from shared.http.tokens import ALGORITHM, Tokens, issue_token
from shared.settings import Settings, SettingsError, load_settings
from tests.shared.http.tiny import PERSON, bearer, settings_in, uuid7


def made(settings: Settings, key: OKPKey | None = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A token with some claims replaced (None: left out)."""
    key = key or signing_key(settings.signing_key_file)
    own = signing_key(settings.signing_key_file)
    now = int(time.time())
    whole = {"iss": "hamkke", "aud": "hamkke", "sub": PERSON, "roles": ["CITIZEN"], "exp": now + 60} | claims
    header = {"alg": ALGORITHM, "kid": own.kid} | (header or {})
    kept = {name: value for name, value in whole.items() if value is not None}
    return jwt.encode({n: v for n, v in header.items() if v is not None}, kept, key, algorithms=[ALGORITHM])


def encoded(part: Any) -> str:
    raw = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forgeries(settings: Settings) -> dict[str, str]:
    """Every token that must not pass, by what is wrong with it."""
    own, other = signing_key(settings.signing_key_file), OKPKey.generate_key("Ed25519")
    good = made(settings)
    header, payload, signature = good.split(".")
    now = int(time.time())
    claims = {"iss": "hamkke", "aud": "hamkke", "sub": PERSON, "roles": ["PROGRAM_OPERATOR"], "exp": now + 60}
    public = settings.jwks_file.read_bytes()

    def hs256(secret: bytes, kid: str) -> str:
        signed = f"{encoded({'alg': 'HS256', 'kid': kid})}.{encoded(claims)}"
        return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"

    return {
        "forged: signed with another key": made(settings, key=other),
        "kid of another key": made(settings, header={"kid": other.thumbprint()}),
        "no kid": made(settings, header={"kid": None}),
        "payload swapped": f"{header}.{encoded(claims)}.{signature}",
        "signature cut": f"{header}.{payload}.{signature[:-4]}",
        "no signature": f"{header}.{payload}.",
        "alg none": f"{encoded({'alg': 'none', 'kid': own.kid})}.{encoded(claims)}.",
        "HS256 with the public key": hs256(own.as_pem(private=False), str(own.kid)),
        "HS256 with the key set": hs256(public, str(own.kid)),
        "HS256 with the raw public key": hs256(base64.urlsafe_b64decode(own.as_dict()["x"] + "="), str(own.kid)),
        "wrong audience": made(settings, aud="another"),
        "no audience": made(settings, aud=None),
        "wrong issuer": made(settings, iss="another"),
        "no issuer": made(settings, iss=None),
        "no expiry": made(settings, exp=None),
        "expired": made(settings, exp=now - 1),
        "not valid yet": made(settings, nbf=now + 600),
        "subject that is no pseudonym": made(settings, sub="kim@example.kr"),
        "no subject": made(settings, sub=None),
        "roles that are no list": made(settings, roles="CITIZEN"),
        "no roles": made(settings, roles=None),
        "not a token": "not-a-token",
        "nothing": "",
        "header nested too deep": f"{encoded(b'[' * 2900)}.e30.e30",
        "header that is a list": f"{encoded([1])}.e30.e30",
        "too long": good + "A" * 5000,
        "two headers in one": f"{good}, Bearer {good}",
    }


async def test_a_token_with_anything_wrong_is_401_with_a_challenge(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    assert (await client.get("/rows", headers={"authorization": f"Bearer {made(settings)}"})).status_code == 200
    for wrong, token in forgeries(settings).items():
        for path in ("/rows", "/notes/" + "ab" * 16):
            answer = await client.get(path, headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 401, wrong
            assert answer.headers["www-authenticate"].startswith("Bearer"), wrong
            assert PERSON not in answer.text


@pytest.mark.parametrize("headers", [{}, {"authorization": "Basic YTpi"}, {"authorization": "Bearer"}])
async def test_no_bearer_token_is_401(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await client.get("/rows", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["type"] == "urn:hamkke:problem:token-missing"


async def test_a_missing_role_is_403_and_comes_before_the_body_is_looked_at(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    path = "/notes/" + "ab" * 16 + "/close"
    for role in Role:
        answer = await client.post(path, content=b"{", headers=bearer(settings, role) | {"idempotency-key": uuid7()})
        assert answer.status_code == (428 if role is Role.PROGRAM_OPERATOR else 403), role


async def test_a_public_read_needs_no_token_but_refuses_a_bad_one(client: httpx.AsyncClient) -> None:
    path = "/notes/" + "ab" * 16
    assert (await client.get(path)).status_code == 404
    assert (await client.get(path, headers={"authorization": "Bearer x"})).status_code == 401


def test_a_remembered_token_ends_when_its_time_is_over(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    now = time.time()
    clock = [now]
    tokens = Tokens(settings.jwks_file, "hamkke", "hamkke", lambda: clock[0])
    token = issue_token(settings, [Role.CITIZEN], PERSON, ttl=60)
    assert tokens.caller(token) is tokens.caller(token)
    clock[0] = now + 61
    with pytest.raises(TokenExpired):
        tokens.caller(token)
    with pytest.raises(TokenExpired):
        tokens.caller(token)


def test_roles_that_nobody_knows_are_not_held(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    tokens = Tokens(settings.jwks_file, "hamkke", "hamkke")
    assert tokens.caller(made(settings, roles=["CITIZEN", "EMPEROR", 7])).roles == {"CITIZEN"}


def test_a_key_set_that_was_rotated_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, other = settings_in(tmp_path / "a"), settings_in(tmp_path / "b")
    monkeypatch.setattr("shared.http.tokens.LOOK_AGAIN", 0.0)
    tokens = Tokens(settings.jwks_file, "hamkke", "hamkke")
    old, new = made(settings), made(other)
    tokens.caller(old)
    with pytest.raises(TokenInvalid):
        tokens.caller(new)
    settings.jwks_file.write_bytes(other.jwks_file.read_bytes())
    assert tokens.caller(new).ref == PERSON
    with pytest.raises(TokenInvalid):
        tokens.caller(old)


def test_only_the_embedded_profile_signs_tokens(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys")
    settings = load_settings({"HAMKKE_PROFILE": "production"}, home=tmp_path)
    with pytest.raises(SettingsError, match="embedded"):
        issue_token(settings, [Role.CITIZEN], PERSON)
