"""The server as a resource server of OAuth 2.1: tokens that somebody else's authorization server made for it.

Checked are signature, issuer, audience, times and scopes of a JWT (RFC 9068); where that server is, clients learn from
the protected resource metadata (RFC 9728).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import jwt
from mcp.server.auth.routes import build_resource_metadata_url, create_protected_resource_routes
from pydantic import AnyHttpUrl
from starlette.routing import Route

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.policy.scopes import SCOPES
from whatsapp_mcp.server.auth import SCOPE_PREFIX, GrantedToken, scope_names
from whatsapp_mcp.server.issuer_keys import ALGORITHMS, IssuerKeys, KeysUnavailable
from whatsapp_mcp.untrusted_text import clean

_LONGEST: Final = 16_384
"""Characters of a token."""
_LEEWAY: Final = 30
"""Seconds by which the clocks of two machines may differ."""
_TYPES: Final = (None, "jwt", "at+jwt", "application/at+jwt")
_METADATA: Final = "/.well-known/oauth-protected-resource"
_NAME_LENGTH: Final = 100

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class OAuthSettings:
    """Whose tokens are taken, and which."""

    issuer: str
    """Address of the authorization server, as in the ``iss`` of its tokens."""
    audience: str
    """Address under which clients reach this server, which ``aud`` has to name: ``https://whatsapp.example.org/mcp``."""
    jwks_url: str | None = None
    """Where its keys are; None: where its metadata says."""
    subjects: tuple[str, ...] = ()
    """Only these users or clients (``sub``); empty: all to whom the server gives our scopes."""
    prefix: str = SCOPE_PREFIX


class OAuthTokens:
    """Verifies tokens of one authorization server."""

    def __init__(self, settings: OAuthSettings, keys: IssuerKeys | None = None) -> None:
        """Raises SetupError: an address cannot be used."""
        _check_audience(settings.audience)
        self._settings = settings
        self._keys = keys or IssuerKeys(settings.issuer, settings.jwks_url)

    @property
    def prefix(self) -> str:
        return self._settings.prefix

    @property
    def metadata(self) -> AnyHttpUrl:
        """Named in each 401."""
        return build_resource_metadata_url(AnyHttpUrl(self._settings.audience))

    @property
    def routes(self) -> Sequence[Route]:
        """The metadata, where clients look for it: at the server's root, and at that of each account's path."""
        (made,) = create_protected_resource_routes(
            AnyHttpUrl(self._settings.audience),
            [AnyHttpUrl(self._settings.issuer)],
            scope_names("full", self._settings.prefix),
            resource_name="WhatsApp",
        )
        paths = dict.fromkeys((made.path, _METADATA, f"{_METADATA}/mcp", f"{_METADATA}/mcp/{{account}}"))
        return [Route(path, endpoint=made.endpoint, methods=["GET", "OPTIONS"]) for path in paths]

    async def verify_token(self, token: str) -> GrantedToken | None:
        """Whose it is, with no scopes when it is genuine and allows nothing here; None when it is no good."""
        try:
            claims = await self._claims(token)
        except (jwt.PyJWTError, KeysUnavailable, ValueError) as error:
            # The client learns that it is no good, the owner also why.
            logger.warning("an access token was refused: %s", clean(str(error), 200))
            return None
        subject = _text(claims, "sub") or _text(claims, "client_id")
        if not subject:
            return None
        grant = self._grant(claims, subject)
        return GrantedToken(
            token="",
            client_id=_text(claims, "client_id") or _text(claims, "azp") or subject,
            subject=subject,
            scopes=scope_names(grant.scope, self._settings.prefix) if grant is not None else [],
            expires_at=int(claims["exp"]) + _LEEWAY,
            resource=self._settings.audience,
            claims={"iss": claims["iss"]},
            grant=grant or Grant(name=subject, scope="read", accounts=()),
        )

    async def _claims(self, token: str) -> Mapping[str, Any]:
        if token.count(".") != 2 or len(token) > _LONGEST:
            raise jwt.InvalidTokenError("it is no JWT")
        header = jwt.get_unverified_header(token)
        kind, algorithm, key_id = header.get("typ"), header.get("alg"), header.get("kid")
        if (kind.lower() if isinstance(kind, str) else kind) not in _TYPES:
            raise jwt.InvalidTokenError("it is another kind of token")
        if algorithm not in ALGORITHMS:
            raise jwt.InvalidAlgorithmError("it is not signed with a public key")
        key = await self._keys.find(key_id if isinstance(key_id, str) else None)
        if key is None:
            raise jwt.InvalidKeyError("it is signed with a key that the issuer does not have")
        bare = self._settings.audience.rstrip("/")
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            audience=[bare, f"{bare}/"],
            issuer=[self._settings.issuer.rstrip("/"), f"{self._settings.issuer.rstrip('/')}/"],
            leeway=_LEEWAY,
            options={"require": ["exp", "iss", "aud"]},
        )
        return claims

    def _grant(self, claims: Mapping[str, Any], subject: str) -> Grant | None:
        if self._settings.subjects and subject not in self._settings.subjects:
            return None
        given = _scopes(claims)
        found = [scope for scope in SCOPES if f"{self._settings.prefix}{scope}" in given]
        # No token of ours has a name with a colon.
        return Grant(name=f"oauth:{clean(subject, _NAME_LENGTH)}", scope=found[-1]) if found else None


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """RFC 9068 has them as text; some servers call them ``scp``, and some list them."""
    found: set[str] = set()
    for name in ("scope", "scp"):
        value = claims.get(name)
        words = value.split() if isinstance(value, str) else value if isinstance(value, list) else ()
        found.update(word for word in words if isinstance(word, str))
    return frozenset(found)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _check_audience(audience: str) -> None:
    parts = urlsplit(audience)
    if parts.scheme not in ("https", "http") or not parts.netloc or parts.query or parts.fragment:
        raise SetupError(
            f"{audience!r} is no address of this server",
            next_step="Give --oauth-audience as clients write it, for example https://whatsapp.example.org/mcp.",
        )
