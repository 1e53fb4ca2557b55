"""Who may use the HTTP transport: the holder of the one bearer token."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from mcp.server.auth.provider import AccessToken

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.token_file import SHORTEST_TOKEN

SCOPE: Final = "use"
"""What the token allows: everything."""


class StaticToken:
    """Verifies the one token, in constant time; keeps only its hash."""

    def __init__(self, token: str) -> None:
        if len(token) < SHORTEST_TOKEN:
            raise SetupError(f"the bearer token is shorter than {SHORTEST_TOKEN} characters")
        self._digest = _digest(token)

    async def verify_token(self, token: str) -> AccessToken | None:
        if not hmac.compare_digest(_digest(token), self._digest):
            return None
        return AccessToken(token="", client_id="owner", subject="owner", scopes=[SCOPE])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
