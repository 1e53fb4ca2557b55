"""The owner's page ``/approve`` of `serve`: what waits for an answer, and the answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Final

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from whatsapp_mcp.account_folder import accounts_in
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.server.approval_html import AccountQuestions, questions_page
from whatsapp_mcp.server.owner_door import HEADERS, OwnerDoor, closed
from whatsapp_mcp.settings import Settings

_SAID: Final = {
    "once": "Allowed. Have the call repeated: exactly as it was, it goes through.",
    "always": "Allowed, and not asked again for this chat. Have the call repeated.",
    "refuse": "Refused.",
}
_NOT_OURS: Final = "This form is not of a page that is open here. Open the page again."


class ApprovalPage:
    """Of all accounts of a data directory."""

    def __init__(self, settings: Settings, door: OwnerDoor) -> None:
        self._settings = settings
        self._door = door

    @property
    def routes(self) -> list[Route]:
        return [Route("/approve", endpoint=self._show), Route("/approve", endpoint=self._answer, methods=["POST"])]

    async def _show(self, request: Request) -> Response:
        browser = self._door.enter(request)
        if isinstance(browser, Response):
            return browser
        said, browser.said = browser.said, ""
        waiting = await anyio.to_thread.run_sync(lambda: list(self._waiting()))
        return HTMLResponse(questions_page(waiting, browser.csrf, said=said), headers=HEADERS)

    async def _answer(self, request: Request) -> Response:
        sent = await self._door.sent(request)
        if sent is None:
            return closed(_NOT_OURS)
        browser, form = sent
        answer = form.get("answer", "")
        try:
            record = partial(self._record, form.get("account", ""), form.get("code", ""), answer)
            await anyio.to_thread.run_sync(record)
            browser.said = _SAID[answer]
        except WhatsAppMcpError as error:
            browser.said = f"{error.message[:1].upper()}{error.message[1:]}."
        except (KeyError, OSError):
            return closed(_NOT_OURS)
        return RedirectResponse("/approve", status_code=303, headers=HEADERS)

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
        return PolicyBook(self._settings.model_copy(update={"account": account}).policy_book)
