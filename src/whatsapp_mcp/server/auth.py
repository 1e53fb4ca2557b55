"""Who may use the HTTP transport: the holder of the one bearer token."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from pydantic import AnyHttpUrl

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.token_file import SHORTEST_TOKEN

_SCOPE: Final = "use"

AUTH_SETTINGS: Final = AuthSettings(
    # The SDK wants an issuer, yet there is none: without a resource URL no discovery document is served, which would
    # send clients into an OAuth flow that cannot end.
    issuer_url=AnyHttpUrl("https://invalid.example"),
    resource_server_url=None,
    required_scopes=[_SCOPE],
)


class StaticToken:
    """Verifies the one token, in constant time; keeps only its hash."""

    def __init__(self, token: str) -> None:
        if len(token) < SHORTEST_TOKEN:
            raise SetupError(f"the bearer token is shorter than {SHORTEST_TOKEN} characters")
        self._digest = _digest(token)

    async def verify_token(self, token: str) -> AccessToken | None:
        if not hmac.compare_digest(_digest(token), self._digest):
            return None
        return AccessToken(token="", client_id="owner", subject="owner", scopes=[_SCOPE])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
