"""Who is let in to the owner's pages of `serve`: a browser on this machine that opened a one-time link, which is
printed on a terminal only, and then has a cookie. A bearer token opens nothing here.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from whatsapp_mcp.policy.page_key import forget_page, new_link, use_key
from whatsapp_mcp.server.approval_html import POLICY, message_page
from whatsapp_mcp.settings import Settings

COOKIE: Final = "whatsapp_mcp_owner"
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_LASTS: Final = 12 * 3_600
"""Seconds for which a browser that was let in stays so."""
_MOST_BROWSERS: Final = 8
_LARGEST_FORM: Final = 4_096
"""Bytes."""


@dataclass(slots=True)
class Browser:
    """One that was let in."""

    until: float
    """By the monotonic clock."""
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    said: str = ""
    """What the next page says first."""


class OwnerDoor:
    """Of all pages of a data directory."""

    def __init__(self, settings: Settings) -> None:
        self._key_path = settings.approve_page_path
        self._browsers: dict[bytes, Browser] = {}
        """By the digest of their cookie."""
        self._address: str | None = None

    def open(self, url: str, page: str) -> str | None:
        """The server listens at ``url``, which ends with ``/mcp``: a link that opens ``page`` once. None: this machine
        does not reach it.

        Raises:
            SetupError: the file of the key cannot be used.
        """
        self._address = _page_address(url, page)
        return new_link(self._key_path, self._address) if self._address is not None else None

    def close(self) -> None:
        if self._address is not None:
            forget_page(self._key_path, self._address)

    def enter(self, request: Request) -> Browser | Response:
        """Who asks for a page, or what is answered instead of it."""
        if not _is_local(request):
            return closed("This page is for the machine that the server runs on.")
        given, browser = request.query_params.get("key"), self._browser(request)
        if given is not None and browser is None:
            return self._let_in(request, given)
        if given is not None:  # browsers fetch an address while it is typed, and again
            return RedirectResponse(request.url.path, status_code=303, headers=HEADERS)
        if browser is None:
            return closed("Type `whatsapp-mcp approve --page` in a terminal, and open the link that it prints.")
        return browser

    async def sent(self, request: Request) -> tuple[Browser, dict[str, str]] | None:
        """Who sent a form of one of the pages, and its fields; None: it is not of a page that is open here."""
        browser = self._browser(request) if _is_local(request) and _from_here(request) else None
        form = await _form(request)
        if browser is None or not hmac.compare_digest(browser.csrf.encode(), form.get("csrf", "").encode()):
            return None
        return browser, form

    def _let_in(self, request: Request, key: str) -> Response:
        if not use_key(self._key_path, key):
            return closed("This link was used, or there is a newer one: `whatsapp-mcp approve --page` prints it.")
        cookie, now = secrets.token_urlsafe(32), time.monotonic()
        self._browsers = {name: one for name, one in self._browsers.items() if one.until > now}
        while len(self._browsers) >= _MOST_BROWSERS:
            del self._browsers[next(iter(self._browsers))]
        self._browsers[_digest(cookie)] = Browser(now + _LASTS)
        response = RedirectResponse(request.url.path, status_code=303, headers=HEADERS)
        secure = request.url.scheme == "https"
        response.set_cookie(COOKIE, cookie, path="/", httponly=True, samesite="strict", secure=secure)
        return response

    def _browser(self, request: Request) -> Browser | None:
        found = self._browsers.get(_digest(request.cookies.get(COOKIE, "")))
        return found if found is not None and found.until > time.monotonic() else None


def closed(text: str) -> Response:
    return HTMLResponse(message_page("This page is closed", text), status_code=403, headers=HEADERS)


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).digest()


def _page_address(url: str, page: str) -> str | None:
    """Where this machine reaches the page; None when the server listens on another address alone."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)
    if here != "localhost" and not _is_loopback(here.strip("[]")):
        return None
    return f"{parts.scheme}://{here}:{parts.port}{page}"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_local(request: Request) -> bool:
    """Whether it comes from this machine, and names it: a name of somebody else's that leads here does not (DNS
    rebinding)."""
    name = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    named = name == "localhost" or _is_loopback(name)
    return named and request.client is not None and _is_loopback(request.client.host)


def _from_here(request: Request) -> bool:
    """Whether a form was sent from the page itself; browsers say so."""
    origin = request.headers.get("origin")
    return origin is None or origin == f"{request.url.scheme}://{request.headers.get('host', '')}"


async def _form(request: Request) -> dict[str, str]:
    """The fields of a form; nothing of one that is too large."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_FORM:
            return {}
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
