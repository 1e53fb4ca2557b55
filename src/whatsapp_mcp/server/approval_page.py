"""The local page of `serve`, ``/approve``: the owner sees what waits for an answer, and answers.

It is for who sits at this machine: opened with a one-time link, which is printed on a terminal only, and then by the
browser's cookie. A bearer token opens nothing here.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from whatsapp_mcp.account_folder import accounts_in
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import SetupError, WhatsAppMcpError
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.page_key import forget_page, new_link, use_key
from whatsapp_mcp.server.approval_html import POLICY, AccountQuestions, message_page, questions_page
from whatsapp_mcp.server.http import announce
from whatsapp_mcp.settings import Settings

COOKIE: Final = "whatsapp_mcp_owner"
_LASTS: Final = 12 * 3_600
"""Seconds for which a browser that was let in stays so."""
_MOST_BROWSERS: Final = 8
_LARGEST_FORM: Final = 4_096
"""Bytes."""
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_SAID: Final = {
    "once": "Allowed. Have the call repeated: exactly as it was, it goes through.",
    "always": "Allowed, and not asked again for this chat. Have the call repeated.",
    "refuse": "Refused.",
}


@dataclass(slots=True)
class _Browser:
    """One that was let in."""

    until: float
    """By the monotonic clock."""
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    said: str = ""
    """What the next page says first."""


class ApprovalPage:
    """Of all accounts of a data directory."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._browsers: dict[bytes, _Browser] = {}
        """By the digest of their cookie."""
        self._address: str | None = None

    @property
    def routes(self) -> list[Route]:
        return [Route("/approve", endpoint=self._show), Route("/approve", endpoint=self._answer, methods=["POST"])]

    def announce(self, url: str) -> None:
        """The server listens at ``url``, which ends with ``/mcp``: say so, and how the page is opened."""
        announce(url)
        self._address = _page_address(url)
        if self._address is None:
            return
        said = "`whatsapp-mcp approve --page` prints the link to what waits for your approval."
        try:
            link = new_link(self._settings.approve_page_path, self._address)
        except SetupError as error:
            said = f"The page /approve is not shown: {error.message}"
        else:
            if sys.stderr.isatty():  # not into a log, where others read it
                said = f"What waits for your approval (the link opens once): {link}"
        sys.stderr.write(f"{said}\n")
        sys.stderr.flush()

    def close(self) -> None:
        if self._address is not None:
            forget_page(self._settings.approve_page_path, self._address)

    async def _show(self, request: Request) -> Response:
        if not _is_local(request):
            return _closed("This page is for the machine that the server runs on.")
        given, browser = request.query_params.get("key"), self._browser(request)
        if given is not None and browser is None:
            return self._let_in(request, given)
        if given is not None:  # browsers fetch an address while it is typed, and again
            return RedirectResponse("/approve", status_code=303, headers=_HEADERS)
        if browser is None:
            return _closed("Type `whatsapp-mcp approve --page` in a terminal, and open the link that it prints.")
        said, browser.said = browser.said, ""
        return HTMLResponse(questions_page(list(self._waiting()), browser.csrf, said=said), headers=_HEADERS)

    def _let_in(self, request: Request, key: str) -> Response:
        if not use_key(self._settings.approve_page_path, key):
            return _closed("This link was used, or there is a newer one: `whatsapp-mcp approve --page` prints it.")
        cookie, now = secrets.token_urlsafe(32), time.monotonic()
        self._browsers = {name: one for name, one in self._browsers.items() if one.until > now}
        while len(self._browsers) >= _MOST_BROWSERS:
            del self._browsers[next(iter(self._browsers))]
        self._browsers[_digest(cookie)] = _Browser(now + _LASTS)
        response = RedirectResponse("/approve", status_code=303, headers=_HEADERS)
        response.set_cookie(
            COOKIE,
            cookie,
            path="/approve",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    async def _answer(self, request: Request) -> Response:
        browser = self._browser(request) if _is_local(request) and _from_here(request) else None
        form = await _form(request)
        if browser is None or not hmac.compare_digest(browser.csrf.encode(), form.get("csrf", "").encode()):
            return _closed("This form is not of a page that is open here. Open the page again.")
        answer = form.get("answer", "")
        try:
            self._record(form.get("account", ""), form.get("code", ""), answer)
            browser.said = _SAID[answer]
        except WhatsAppMcpError as error:
            browser.said = f"{error.message[:1].upper()}{error.message[1:]}."
        except (KeyError, OSError):
            return _closed("This form is not of a page that is open here. Open the page again.")
        return RedirectResponse("/approve", status_code=303, headers=_HEADERS)

    def _record(self, account: str, code: str, answer: str) -> None:
        """Raises KeyError: there is no such account or answer."""
        if answer not in _SAID or account not in accounts_in(self._settings.data_dir):
            raise KeyError(answer)
        with closing(self._book(account)) as book:
            if answer == "refuse":
                book.refuse(code, now_ms())
            else:
                book.approve(code, now_ms(), always=answer == "always")

    def _waiting(self) -> Iterator[AccountQuestions]:
        for name in accounts_in(self._settings.data_dir):
            try:
                with closing(self._book(name)) as book:
                    yield AccountQuestions(name, book.pending(now_ms()))
            except WhatsAppMcpError as error:
                yield AccountQuestions(name, (), f"{error.message}. {error.next_step}")

    def _book(self, account: str) -> PolicyBook:
        return PolicyBook(self._settings.model_copy(update={"account": account}).policy_book_path)

    def _browser(self, request: Request) -> _Browser | None:
        found = self._browsers.get(_digest(request.cookies.get(COOKIE, "")))
        return found if found is not None and found.until > time.monotonic() else None


def _digest(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).digest()


def _closed(text: str) -> Response:
    return HTMLResponse(message_page("This page is closed", text), status_code=403, headers=_HEADERS)


def _page_address(url: str) -> str | None:
    """Where this machine reaches the page; None when the server listens on another address alone."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    here = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)
    if here != "localhost" and not _is_loopback(here.strip("[]")):
        return None
    return f"{parts.scheme}://{here}:{parts.port}/approve"


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
