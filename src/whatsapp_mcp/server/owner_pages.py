"""The owner's pages of `serve`: ``/approve``, and ``/pair`` and ``/pair/NAME`` to link an account."""

from __future__ import annotations

import sys
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from whatsapp_mcp.account_names import account_name
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.log_lines import tell
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.server.approval_page import ApprovalPage
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.server.http import announce
from whatsapp_mcp.server.owner_door import HEADERS, OwnerDoor, closed
from whatsapp_mcp.server.views import page_policy, view_page
from whatsapp_mcp.settings import Settings

_TOOLS: Final = ("appLogin", "appLoginWithCode")
_LASTS: Final = 1_800.0
"""Seconds for which the pairing page can ask for codes; then it has to be opened anew."""


class OwnerPages:
    """Of all accounts of a data directory."""

    def __init__(self, settings: Settings, access: HttpAccess) -> None:
        self._door = OwnerDoor(settings)
        self._approval = ApprovalPage(settings, self._door)
        self._access = access
        self._account = settings.account

    @property
    def routes(self) -> list[Route]:
        pair = [Route(path, endpoint=self._pair) for path in ("/pair", "/pair/{account}")]
        return [*self._approval.routes, *pair]

    def announce(self, url: str) -> None:
        """The server listens at ``url``, which ends with ``/mcp``: say so, and how the pages are opened."""
        announce(url)
        said = "`whatsapp-mcp approve --page` prints the link to what waits for your approval, and to /pair."
        try:
            link = self._door.open(url, "/approve")
        except SetupError as error:
            said = f"The pages /approve and /pair are not shown: {error.message}"
        else:
            if link is None:
                return
            if sys.stderr.isatty():  # not into a log, where others read it
                said = f"What waits for your approval, and linking by QR code (the link opens once): {link}"
        tell(said)

    def close(self) -> None:
        self._door.close()

    async def _pair(self, request: Request) -> Response:
        entered = self._door.enter(request)
        if isinstance(entered, Response):
            return entered
        given = request.path_params.get("account")
        try:
            account = account_name(given) if given is not None else self._account
        except ValueError:
            return closed("There is no such account.")
        grant = Grant("pairing page", accounts=(account,), toolsets=",".join(_TOOLS), unlisted=_TOOLS)
        url = f"/mcp/{given}" if given is not None else "/mcp"
        page = view_page("pairing", url=url, token=self._access.lend(grant, _LASTS))
        return HTMLResponse(page, headers=HEADERS | {"Content-Security-Policy": page_policy("pairing")})
