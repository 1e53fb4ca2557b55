"""Who may use the HTTP transport, and for what: bearer tokens of our own, and of an authorization server.

What a token was given goes with each request, as the user of its ASGI scope, to the handlers of MCP.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import anyio.to_thread
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from pydantic import AnyHttpUrl, SkipValidation
from starlette.authentication import AuthenticationError
from starlette.routing import Route

from whatsapp_mcp.kept_model import OutOfReach
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.policy.caller import Scope as GrantedScope
from whatsapp_mcp.policy.scopes import SCOPES
from whatsapp_mcp.policy.tokens import Token
from whatsapp_mcp.postgres import beside_loop
from whatsapp_mcp.whereabouts import Place

logger = logging.getLogger(__name__)

SCOPE_PREFIX: Final = "whatsapp:"
"""Before ``read``, ``send`` and ``full`` in the scopes of OAuth."""
_MOST_LENT: Final = 64
NOTHING: Final = Grant(name="nobody", scope="read", accounts=(), chats=(), toolsets="")


class NobodyCanTell(AuthenticationError):
    """Whose a token is: nothing is done for its request, and it is as good as before."""


class GrantedToken(AccessToken):
    """What the SDK knows of who asks, and what we do."""

    grant: SkipValidation[Grant]
    digest: str | None = None
    """SHA-256 of a token of ours, by which it is known whether it still is one."""


class Tokens(Protocol):
    """Tokens of our own."""

    @property
    def place(self) -> Place: ...

    def holder(self, secret: str) -> Token | None: ...

    def look(self) -> object: ...

    def holds(self, name: str, digest: str) -> bool: ...

    def is_due(self, name: str) -> bool: ...

    def note_use(self, name: str) -> bool: ...


class OAuth(Protocol):
    """Tokens of an authorization server."""

    @property
    def prefix(self) -> str:
        """Before our scopes in its own."""
        ...

    @property
    def metadata(self) -> AnyHttpUrl:
        """Where clients find out which server it is."""
        ...

    @property
    def routes(self) -> Sequence[Route]:
        """Which answer there."""
        ...

    async def verify_token(self, token: str) -> GrantedToken | None: ...


class HttpAccess:
    """Tells of each token whose it is; the SDK's ``TokenVerifier``."""

    def __init__(self, tokens: Tokens, oauth: OAuth | None = None) -> None:
        self._tokens = tokens
        self._lent: dict[str, tuple[Grant, float]] = {}
        """Those of pages of our own, by the digest of their secret, and until when by the monotonic clock."""
        self._oauth = oauth
        self._prefix = oauth.prefix if oauth is not None else SCOPE_PREFIX
        self.metadata = oauth.metadata if oauth is not None else None
        """Named to who has no token; None sends no client looking for an authorization server."""
        self.routes: Sequence[Route] = oauth.routes if oauth is not None else ()

    @property
    def required_scope(self) -> str:
        """Without it a token opens nothing."""
        return scope_names("read", self._prefix)[0]

    def lend(self, grant: Grant, seconds: float) -> str:
        """A token for a page of our own, kept nowhere; it is good so long, and while this server runs."""
        secret = secrets.token_urlsafe(32)
        digest, now = hashlib.sha256(secret.encode()).hexdigest(), time.monotonic()
        self._lent = {known: lent for known, lent in self._lent.items() if lent[1] > now}
        while len(self._lent) >= _MOST_LENT:
            del self._lent[next(iter(self._lent))]
        self._lent[digest] = grant, now + seconds
        return secret

    def _lent_to(self, digest: str) -> Grant | None:
        grant, until = self._lent.get(digest, (None, 0.0))
        return grant if until > time.monotonic() else None

    async def verify_token(self, token: str) -> GrantedToken | None:
        digest = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
        lent = self._lent_to(digest)
        if lent is not None:
            return self._granted(lent, digest)
        try:
            found = await beside_loop(self._tokens.place, partial(self._tokens.holder, token))
        except OutOfReach as error:
            logger.warning("a request was refused: %s", error.message)
            raise NobodyCanTell from error
        if found is None:
            return await self._oauth.verify_token(token) if self._oauth is not None else None
        if self._tokens.is_due(found.name):
            await anyio.to_thread.run_sync(self._tokens.note_use, found.name)
        return self._granted(found.grant, found.digest)

    def _granted(self, grant: Grant, digest: str) -> GrantedToken:
        return GrantedToken(
            token="",
            client_id=grant.name,
            # Whoever gets a new token under the name of a former one does not get its sessions.
            subject=digest,
            scopes=scope_names(grant.scope, self._prefix),
            expires_at=None,
            grant=grant,
            digest=digest,
        )

    async def look(self) -> bool:
        """Look whether tokens of ours changed; False: nobody can tell now."""
        try:
            await beside_loop(self._tokens.place, self._tokens.look)
        except OutOfReach:
            return False
        return True

    def holds(self, name: str, digest: str) -> bool:
        """Whether a token of ours was still good at the last look."""
        return self._lent_to(digest) is not None or self._tokens.holds(name, digest)

    def still_good(self, scope: Mapping[str, Any], at: float) -> bool:
        """Whether who sent this request was to be let in at the last look; ``at``: seconds since 1970."""
        token = _token_of(scope)
        if token is None:
            return True  # nobody's, and answered so
        if token.digest is not None:
            return self.holds(token.client_id, token.digest)
        return token.expires_at is None or at < token.expires_at


def scope_names(scope: GrantedScope, prefix: str) -> list[str]:
    """A scope and those that it holds, as OAuth writes them."""
    return [f"{prefix}{each}" for each in SCOPES[: SCOPES.index(scope) + 1]]


def grant_of_request(scope: Mapping[str, Any]) -> Grant:
    """What the sender of a request was given; nothing when that is not known."""
    token = _token_of(scope)
    return token.grant if token is not None else NOTHING


def _token_of(scope: Mapping[str, Any]) -> GrantedToken | None:
    user = scope.get("user")
    if isinstance(user, AuthenticatedUser) and isinstance(user.access_token, GrantedToken):
        return user.access_token
    return None
