"""The keys of an authorization server: where its metadata says they are (RFC 8414, OpenID Connect Discovery), kept for
an hour, and asked for again when a token names one that is not among them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import httpx2
import jwt

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.server.listening import is_loopback

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Those with a public key: where a secret is shared, whoever can check a token can make one."""

_FRESH: Final = 3_600.0
"""Seconds for which keys are used without asking again."""
_STALE: Final = 86_400.0
"""Seconds for which they are used when the server does not answer."""
_AGAIN: Final = 30.0
"""Seconds between two attempts, whatever tokens come."""
_DEADLINE: Final = 10.0
"""Seconds for an answer."""
_LARGEST: Final = 1_000_000
"""Bytes of an answer."""

logger = logging.getLogger(__name__)


class KeysUnavailable(Exception):
    """The authorization server does not say its keys; the message says why."""


class IssuerKeys:
    """The public keys of one issuer, by their id."""

    def __init__(
        self, issuer: str, jwks_url: str | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises SetupError: an address is none, or not safe to ask for keys."""
        self._issuer = _safe(issuer)
        self._jwks_url = _safe(jwks_url) if jwks_url is not None else None
        self._clock = clock
        self._keys: tuple[jwt.PyJWK, ...] = ()
        self._fetched: float | None = None
        self._tried: float | None = None
        """When a token last made us ask, beside the first time."""
        self._lock = anyio.Lock()

    async def find(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key with this id; without one, the only one there is.

        Raises:
            KeysUnavailable: there are none to look among.
        """
        if not self._is_within(_FRESH) or self._among(key_id) is None:
            async with self._lock:
                if not self._is_within(_FRESH) or self._among(key_id) is None:
                    await self._ask_again()
        if not self._is_within(_STALE):
            raise KeysUnavailable(f"no keys of {self._issuer} are known")
        return self._among(key_id)

    def _among(self, key_id: str | None) -> jwt.PyJWK | None:
        if key_id is None:
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.key_id == key_id), None)

    def _is_within(self, seconds: float) -> bool:
        return self._fetched is not None and self._clock() - self._fetched < seconds

    async def _ask_again(self) -> None:
        now = self._clock()
        if self._tried is not None and now - self._tried < _AGAIN:
            return
        if self._fetched is not None:
            self._tried = now
        try:
            with anyio.fail_after(_DEADLINE):
                self._keys = await self._fetch()
            self._fetched = self._clock()
        except (KeysUnavailable, TimeoutError, httpx2.HTTPError) as error:
            self._tried = now
            logger.warning("the keys of %s cannot be had: %s", self._issuer, error or "no answer in time")

    async def _fetch(self) -> tuple[jwt.PyJWK, ...]:
        # Nobody in between may answer for the issuer: no redirects; what proxies there are, the environment says.
        async with httpx2.AsyncClient(timeout=_DEADLINE, follow_redirects=False) as web:
            return tuple(_usable(await _object(web, self._jwks_url or await self._discover(web))))

    async def _discover(self, web: httpx2.AsyncClient) -> str:
        for address in metadata_addresses(self._issuer):
            try:
                metadata = await _object(web, address)
            except KeysUnavailable:
                continue
            # RFC 8414 section 3.3: otherwise one issuer could speak for another.
            if str(metadata.get("issuer", "")).rstrip("/") != self._issuer.rstrip("/"):
                raise KeysUnavailable(f"{address} is the metadata of another issuer")
            try:
                return _safe(str(metadata.get("jwks_uri", "")))
            except SetupError as error:
                raise KeysUnavailable(error.message) from None
        raise KeysUnavailable("it has no metadata; name its keys with --oauth-jwks-url")


def metadata_addresses(issuer: str) -> tuple[str, ...]:
    """Where metadata of an issuer can be: RFC 8414 section 3.1, and OpenID Connect Discovery section 4."""
    parts = urlsplit(issuer)
    host, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    found = (
        f"{host}/.well-known/oauth-authorization-server{path}",
        f"{host}{path}/.well-known/openid-configuration",
        f"{host}/.well-known/openid-configuration{path}",
    )
    return tuple(dict.fromkeys(found))


async def _object(web: httpx2.AsyncClient, address: str) -> Mapping[str, Any]:
    body = bytearray()
    async with web.stream("GET", address, headers={"Accept": "application/json"}) as response:
        if response.status_code != 200:
            raise KeysUnavailable(f"{address} answers {response.status_code}")
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > _LARGEST:
                raise KeysUnavailable(f"{address} answers too much")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise KeysUnavailable(f"{address} is no JSON object")
    return content


def _usable(keys: Mapping[str, Any]) -> Iterator[jwt.PyJWK]:
    """Public keys for signatures; whatever else is there is passed over."""
    listed = keys.get("keys")
    for row in listed if isinstance(listed, list) else ():
        if not isinstance(row, dict) or row.get("kty") == "oct" or row.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(row)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if key.algorithm_name in ALGORITHMS:
            yield key


def _safe(address: str) -> str:
    """Raises SetupError: keys that come from there could come from anybody."""
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        parts, host = urlsplit(""), ""
    if not host or parts.query or parts.fragment or parts.scheme not in ("https", "http"):
        raise SetupError(f"{address!r} is no address of an authorization server", next_step="Give an https:// address.")
    if parts.scheme == "http" and not is_loopback(host):
        raise SetupError(
            f"{address} is not encrypted: anybody on the way could answer", next_step="Use its https:// address."
        )
    return address
