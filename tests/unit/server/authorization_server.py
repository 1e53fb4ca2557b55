"""An authorization server on loopback, made of authlib: codes with PKCE, client credentials, tokens as RFC 9068 has
them, metadata, keys that can be changed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from unittest import mock

import anyio
import uvicorn
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from joserfc.jwk import KeySet, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from whatsapp_mcp.server.listening import listening

REDIRECT: Final = "https://host.example/callback"
SECRET: Final = "secret-of-the-client"


class _Client(ClientMixin):  # type: ignore[misc]
    """One that may use both grants."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> str:
        return REDIRECT

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == REDIRECT

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("none", "client_secret_basic")

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return True


@dataclass
class _User:
    name: str

    def get_user_id(self) -> str:
        return self.name


@dataclass
class _Code:
    request: Any

    def get_redirect_uri(self) -> str:
        return str(self.request.payload.redirect_uri)

    def get_scope(self) -> str:
        return str(self.request.payload.scope)

    @property
    def code_challenge(self) -> str:
        return str(self.request.payload.data["code_challenge"])

    @property
    def code_challenge_method(self) -> str:
        return str(self.request.payload.data["code_challenge_method"])


_CODES: dict[str, _Code] = {}


class _Codes(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def save_authorization_code(self, code: str, request: Any) -> None:
        _CODES[code] = _Code(request)

    def query_authorization_code(self, code: str, client: Any) -> _Code | None:
        return _CODES.get(code)

    def delete_authorization_code(self, authorization_code: _Code) -> None:
        for code in [code for code, found in _CODES.items() if found is authorization_code]:
            del _CODES[code]

    def authenticate_user(self, authorization_code: _Code) -> Any:
        return authorization_code.request.user


class _Server(AuthorizationServer):  # type: ignore[misc]
    def query_client(self, client_id: str) -> _Client:
        return _Client(client_id)

    def save_token(self, token: Any, request: Any) -> None:
        """They are checked by their signature."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Any) -> OAuth2Request:
        if isinstance(request, OAuth2Request):
            return request
        method, uri, values, headers = request
        made = OAuth2Request(method, uri, headers=headers)
        made.payload = BasicOAuth2Payload(values)
        made._body = values if method == "POST" else None
        return made

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        given = dict(headers)
        if isinstance(body, dict):
            given.pop("Content-Type", None)
            return JSONResponse(body, status_code=status, headers=given)
        return Response(body or "", status_code=status, headers=given)


@dataclass
class Issuer:
    """What the server says and does; to be changed by tests."""

    url: str = ""
    audience: str = "https://wa.example/mcp"
    lifetime: int = 600
    """Seconds."""
    keys: list[RSAKey] = field(default_factory=lambda: [new_key("first")])
    """The first signs."""
    claimed: str | None = None
    """Another issuer that its tokens claim to be of."""
    claimed_metadata: str | None = None
    more_claims: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Paths of requests for metadata and keys."""
    broken: bool = False

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) | {"use": "sig", "alg": "RS256"} for key in self.keys]}


def new_key(name: str) -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name}, private=True)


class _Tokens(JWTBearerTokenGenerator):  # type: ignore[misc]
    def __init__(self, issuer: Issuer) -> None:
        super().__init__(issuer.claimed or issuer.url, expires_generator=lambda client, grant: issuer.lifetime)
        self._of = issuer

    def get_jwks(self) -> KeySet:
        return KeySet(self._of.keys[:1])

    def get_audiences(self, client: Any, user: Any, scope: Any) -> str:
        return self._of.audience

    def get_extra_claims(self, client: Any, grant_type: Any, user: Any, scope: Any) -> dict[str, Any]:
        return self._of.more_claims


def _application(issuer: Issuer) -> Starlette:
    def server() -> _Server:
        made = _Server()
        made.register_grant(_Codes, [CodeChallenge(required=True)])
        made.register_grant(ClientCredentialsGrant)
        made.register_token_generator("default", _Tokens(issuer))
        return made

    async def authorize(request: Request) -> Response:
        made = server()
        asked = made.create_oauth2_request((request.method, str(request.url), dict(request.query_params), {}))
        user = _User(request.query_params["login"])
        grant = made.get_consent_grant(asked, end_user=user)
        response: Response = made.create_authorization_response(asked, grant_user=user, grant=grant)
        return response

    async def token(request: Request) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        headers = {name.title(): value for name, value in request.headers.items()}
        response: Response = server().create_token_response((request.method, str(request.url), form, headers))
        return response

    async def metadata(request: Request) -> Response:
        issuer.asked.append(request.url.path)
        claimed = issuer.claimed_metadata or issuer.url
        return JSONResponse({"issuer": claimed, "jwks_uri": f"{issuer.url}/keys"}, 500 if issuer.broken else 200)

    async def keys(request: Request) -> Response:
        issuer.asked.append(request.url.path)
        return JSONResponse(issuer.jwks, 500 if issuer.broken else 200)

    return Starlette(
        routes=[
            Route("/authorize", authorize),
            Route("/token", token, methods=["POST"]),
            Route("/.well-known/oauth-authorization-server", metadata),
            Route("/keys", keys),
        ]
    )


class _Uvicorn(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def authorization_server() -> AsyncIterator[Issuer]:
    """One that runs, on a port of its own."""
    issuer = Issuer()
    with listening("127.0.0.1", 0) as listener, mock.patch.dict(os.environ, {"AUTHLIB_INSECURE_TRANSPORT": "1"}):
        issuer.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        web = _Uvicorn(uvicorn.Config(_application(issuer), log_config=None, lifespan="off", ws="none"))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: web.serve(sockets=[listener]))
            try:
                yield issuer
            finally:
                web.should_exit = True
