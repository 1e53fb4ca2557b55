"""Tokens of an authorization server: one made of authlib, on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import whatsapp_mcp.server.http as http
from tests.unit.server.authorization_server import REDIRECT, SECRET, Issuer, authorization_server, new_key
from tests.unit.server.connections import DEADLINE, INITIALIZED, FakeAccounts, call, fake_server, initialize
from tests.unit.server.fakes import TOKEN, FakeTokens
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.server.issuer_keys import IssuerKeys, metadata_addresses
from whatsapp_mcp.server.oauth import OAuthSettings, OAuthTokens

AUDIENCE: Final = "https://wa.example/mcp"
VERIFIER: Final = "v" * 64
METADATA: Final = "https://wa.example/.well-known/oauth-protected-resource/mcp"


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def code_token(issuer: Issuer, scope: str, login: str = "ana") -> str:
    """By an authorization code with PKCE, as hosts get theirs."""
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    asked = {"response_type": "code", "client_id": "chat-host", "redirect_uri": REDIRECT, "scope": scope}
    asked |= {"code_challenge": challenge, "code_challenge_method": "S256", "login": login}
    async with httpx2.AsyncClient(base_url=issuer.url, timeout=DEADLINE) as web:
        response = await web.get("/authorize", params=asked)
        assert response.status_code == 302, response.text
        (code,) = parse_qs(urlsplit(response.headers["location"]).query)["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": "chat-host"}
        given = (await web.post("/token", data={**form, "code_verifier": VERIFIER})).json()
        assert "access_token" in given, given
        return str(given["access_token"])


async def client_token(issuer: Issuer, scope: str) -> str:
    """By client credentials, as programs get theirs."""
    form = {"grant_type": "client_credentials", "scope": scope}
    async with httpx2.AsyncClient(base_url=issuer.url, timeout=DEADLINE) as web:
        given = (await web.post("/token", data=form, auth=("robot", SECRET))).json()
        assert "access_token" in given, given
        return str(given["access_token"])


def settings(issuer: Issuer, **changes: Any) -> OAuthSettings:
    return OAuthSettings(issuer.url, AUDIENCE, **changes)


def oauth(issuer: Issuer, clock: Clock | None = None, **changes: Any) -> OAuthTokens:
    return OAuthTokens(settings(issuer, **changes), IssuerKeys(issuer.url, clock=clock or Clock()))


@asynccontextmanager
async def served(tokens: OAuthTokens) -> AsyncIterator[httpx2.AsyncClient]:
    paths = http.account_paths(FakeAccounts(default=fake_server()), host="127.0.0.1")
    app = http.http_app(paths, access=HttpAccess(FakeTokens(), tokens))
    headers = {"Accept": "application/json, text/event-stream"}
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8765", headers=headers) as web,
    ):
        with anyio.fail_after(DEADLINE):
            yield web


async def opened(web: httpx2.AsyncClient, token: str, path: str = "/mcp") -> httpx2.Response:
    return await web.post(path, json=initialize(), headers={"Authorization": f"Bearer {token}"})


async def test_tokens_of_both_grants_are_taken_beside_our_own() -> None:
    async with authorization_server() as issuer, served(oauth(issuer)) as web:
        ana, robot = await code_token(issuer, "openid whatsapp:send"), await client_token(issuer, "whatsapp:read")
        sessions = []
        for token in (ana, robot, TOKEN):
            response = await opened(web, token)
            assert response.status_code == 200
            sessions.append(response.headers["mcp-session-id"])
        bearer = {"Authorization": f"Bearer {robot}", "Mcp-Session-Id": sessions[1]}
        await web.post("/mcp", json=INITIALIZED, headers=bearer)
        assert (await web.post("/mcp", json=call(1, "echo", text="x"), headers=bearer)).status_code == 200
        bearer["Mcp-Session-Id"] = sessions[0]  # of somebody else
        assert (await web.post("/mcp", json=call(1, "echo", text="x"), headers=bearer)).status_code == 404


async def test_whose_a_token_is_and_what_it_allows() -> None:
    async with authorization_server() as issuer:
        tokens = oauth(issuer)
        for scope, allowed in {
            "whatsapp:read": "read",
            "whatsapp:send whatsapp:read": "send",
            "openid whatsapp:full": "full",
        }.items():
            found = await tokens.verify_token(await code_token(issuer, scope))
            assert found is not None
            assert found.grant == Grant("oauth:ana", allowed)  # type: ignore[arg-type]
            assert (found.client_id, found.subject) == ("chat-host", "ana")
        robot = await tokens.verify_token(await client_token(issuer, "whatsapp:read"))
        assert robot is not None
        assert robot.grant.name == "oauth:robot"
        # Okta and Microsoft write it so.
        issuer.more_claims = {"scp": ["whatsapp:full"]}
        listed = await tokens.verify_token(await client_token(issuer, ""))
        assert listed is not None
        assert listed.grant.scope == "full"


async def test_a_scope_of_others_opens_nothing() -> None:
    async with authorization_server() as issuer, served(oauth(issuer)) as web:
        for scope in ("openid profile", "read", "whatsapp", "whatsapp:", "whatsapp:admin", "Whatsapp:read"):
            response = await opened(web, await code_token(issuer, scope))
            assert response.status_code == 403, scope
            assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
            assert "whatsapp:read" in response.headers["www-authenticate"]
    async with authorization_server() as issuer, served(oauth(issuer, prefix="wa.")) as web:
        assert (await opened(web, await code_token(issuer, "whatsapp:read"))).status_code == 403
        assert (await opened(web, await code_token(issuer, "wa.read"))).status_code == 200
        assert (await opened(web, TOKEN)).status_code == 200


async def test_only_named_people_are_let_in_where_some_are_named() -> None:
    async with authorization_server() as issuer, served(oauth(issuer, subjects=("ana", "robot"))) as web:
        assert (await opened(web, await code_token(issuer, "whatsapp:full"))).status_code == 200
        assert (await opened(web, await client_token(issuer, "whatsapp:full"))).status_code == 200
        assert (await opened(web, await code_token(issuer, "whatsapp:full", login="eve"))).status_code == 403


async def test_what_is_not_for_us_is_refused_and_where_to_ask_is_said() -> None:
    async with authorization_server() as issuer, served(oauth(issuer)) as web:
        good = await code_token(issuer, "whatsapp:full")
        issuer.lifetime = -3_600
        expired = await code_token(issuer, "whatsapp:full")
        issuer.lifetime, issuer.audience = 600, "https://other.example/mcp"
        elsewhere = await code_token(issuer, "whatsapp:full")
        issuer.audience, issuer.claimed = AUDIENCE, "https://issuer.example"
        of_another = await code_token(issuer, "whatsapp:full")
        issuer.claimed, issuer.more_claims = None, {"nbf": int(time.time()) + 3_600}
        too_early = await code_token(issuer, "whatsapp:full")
        head, body, _signature = good.split(".")
        for wrong in (expired, elsewhere, of_another, too_early, *forged(issuer, good), f"{head}.{body}.", "a.b.c", ""):
            response = await opened(web, wrong)
            assert response.status_code == 401, wrong
            assert 'error="invalid_token"' in response.headers["www-authenticate"]
            assert f'resource_metadata="{METADATA}"' in response.headers["www-authenticate"]
        assert (await opened(web, good)).status_code == 200


def forged(issuer: Issuer, good: str) -> list[str]:
    """Tokens with the right words and no right signature."""
    claims = jwt.decode(good, options={"verify_signature": False})
    (public,) = issuer.jwks["keys"]
    pem = jwt.PyJWK(public).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    unsigned = ".".join([_coded({"alg": "none", "typ": "at+jwt"}), _coded(claims), ""])
    # The public key as the secret, both as it is written and as it is published.
    confused = []
    for secret in (pem, json.dumps(public).encode()):
        start = ".".join([_coded({"alg": "HS256", "typ": "at+jwt", "kid": "first"}), _coded(claims)])
        mac = hmac.new(secret, start.encode(), hashlib.sha256).digest()
        confused.append(f"{start}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}")
    stranger = new_key("first")
    private = stranger.as_pem(private=True)
    by_stranger = jwt.encode(claims, private, "RS256", headers={"kid": "first"})
    carried = jwt.encode(claims, private, "RS256", headers={"kid": "own", "jwk": stranger.as_dict(private=False)})
    ours = issuer.keys[0].as_pem(private=True)
    other_kind = jwt.encode(claims, ours, "RS256", headers={"kid": "first", "typ": "logout+jwt"})
    other_algorithm = jwt.encode(claims, ours, "RS512", headers={"kid": "first"})
    endless = jwt.encode({k: v for k, v in claims.items() if k != "exp"}, ours, "RS256", headers={"kid": "first"})
    return [unsigned, *confused, by_stranger, carried, other_kind, other_algorithm, endless]


def _coded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_a_new_key_is_asked_for_once_and_not_at_every_strange_token() -> None:
    clock = Clock()
    async with authorization_server() as issuer:
        tokens = oauth(issuer, clock)
        assert await tokens.verify_token(await client_token(issuer, "whatsapp:read"))
        assert issuer.asked == ["/.well-known/oauth-authorization-server", "/keys"]
        issuer.keys.insert(0, new_key("second"))
        assert await tokens.verify_token(await client_token(issuer, "whatsapp:read"))
        assert len(issuer.asked) == 4
        issuer.keys = [new_key("third")]
        third = await client_token(issuer, "whatsapp:read")
        for _ in range(5):
            assert await tokens.verify_token(third) is None
        assert len(issuer.asked) == 4
        clock.now += 31
        assert await tokens.verify_token(third)
        assert len(issuer.asked) == 6


async def test_keys_outlast_a_short_failure_of_the_issuer_but_not_a_long_one() -> None:
    clock = Clock()
    async with authorization_server() as issuer:
        tokens, token = oauth(issuer, clock), await client_token(issuer, "whatsapp:read")
        issuer.broken = True
        assert await tokens.verify_token(token) is None
        issuer.broken = False
        assert await tokens.verify_token(token) is None  # it was asked a moment ago
        clock.now += 31
        assert await tokens.verify_token(token)
        issuer.broken = True
        clock.now += 7_200
        assert await tokens.verify_token(token)
        clock.now += 86_400
        assert await tokens.verify_token(token) is None


async def test_metadata_of_another_issuer_is_not_believed() -> None:
    async with authorization_server() as issuer:
        issuer.claimed_metadata = "https://issuer.example"
        assert await oauth(issuer).verify_token(await client_token(issuer, "whatsapp:read")) is None
        assert "/keys" not in issuer.asked
        named = OAuthTokens(settings(issuer, jwks_url=f"{issuer.url}/keys"))
        assert await named.verify_token(await client_token(issuer, "whatsapp:read"))


async def test_clients_find_the_authorization_server() -> None:
    async with authorization_server() as issuer, served(oauth(issuer)) as web:
        for end in ("", "/mcp", "/mcp/work"):
            response = await web.get(f"/.well-known/oauth-protected-resource{end}")
            assert response.status_code == 200, end
            found = response.json()
            assert found["resource"] == AUDIENCE
            assert [server.rstrip("/") for server in found["authorization_servers"]] == [issuer.url]
            assert found["scopes_supported"] == ["whatsapp:read", "whatsapp:send", "whatsapp:full"]


@pytest.mark.parametrize("issuer", ["http://issuer.example", "issuer.example", "ftp://x", "https://", "https://x/?y"])
def test_an_issuer_that_anybody_could_speak_for_is_refused(issuer: str) -> None:
    with pytest.raises(SetupError, match=r"address|encrypted"):
        OAuthTokens(OAuthSettings(issuer, AUDIENCE))


def test_where_metadata_is_looked_for() -> None:
    assert metadata_addresses("https://x.example/tenant/") == (
        "https://x.example/.well-known/oauth-authorization-server/tenant",
        "https://x.example/tenant/.well-known/openid-configuration",
        "https://x.example/.well-known/openid-configuration/tenant",
    )
