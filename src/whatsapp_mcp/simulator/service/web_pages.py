"""The pages of web.whatsapp.com that clients look at before they connect: which version of WhatsApp Web there is.

Sources: whatsmeow update.go (the page), @whiskeysockets/baileys Utils/generics.js (the worker).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from whatsapp_mcp.simulator.network.http import Exchange, Routes

CLIENT_REVISION: Final = 1047769893
"""The third part of the version: 2.3000.this."""
_PAGES: Final = {
    "/": ("text/html", f'<!doctype html><script>{{"client_revision":{CLIENT_REVISION},"x":0}}</script>'),
    # In the worker the data stand in a string, so the quotes are escaped.
    "/sw.js": ("text/javascript", f'self.data = JSON.parse("{{\\"client_revision\\":{CLIENT_REVISION},\\"x\\":0}}");'),
}


class WebPages:
    """``GET /`` and ``GET /sw.js``; whatever nobody else has is not there."""

    def __init__(self, routes: Routes) -> None:
        routes.add("/", self._serve)

    async def _serve(self, exchange: Exchange) -> None:
        content_type, text = _PAGES.get(exchange.request.path, ("", ""))
        if not text or exchange.request.method != "GET":
            await exchange.answer(HTTPStatus.NOT_FOUND)
        else:
            await exchange.answer(content=text.encode(), content_type=content_type)
