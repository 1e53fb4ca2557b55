"""From the session process to the process that delivers webhooks: one line to begin with, then one line each time that
something was stored."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.pipe.command import Wire

STORED: Final = b"stored\n"


class WebhooksBegin(Wire):
    """What a deliverer works on; paths are absolute."""

    account: str
    store: str
    book: str
    """The webhooks, as the owner configured them."""
    progress: str
    """How far each of them is."""
    policy: str
    preset: str
    audit: str
    log_level: str
