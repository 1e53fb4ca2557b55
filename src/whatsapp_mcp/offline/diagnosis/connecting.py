"""Whether WhatsApp answers: `whatsapp-mcp doctor --connect`."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from whatsapp_mcp.errors import SetupError, WhatsAppMcpError
from whatsapp_mcp.offline.diagnosis.checks import Check, ok, problem
from whatsapp_mcp.pipe.account import GetPrivacy
from whatsapp_mcp.session_db.database import linked_device
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.supervisor.manager import SessionManager

CONNECT_LIMIT: Final = 40.0
"""Seconds for a session process to start and to connect."""
ANSWER_LIMIT: Final = 20.0
"""Seconds for WhatsApp to answer a question about the account's own settings: it reads, and nobody sees it."""
_NAME: Final = "connection"


def connection_tried(settings: Settings) -> tuple[Check, ...]:
    """Through the session process that runs, or one that is started for it and ends by itself afterwards."""
    try:
        if linked_device(settings.session_db) is None:
            return (problem(_NAME, "no account is linked", "Link one: call appLogin from an MCP host."),)
        if not settings.account_dir.is_dir():
            raise SetupError(f"{settings.account_dir} is no folder")
        seconds = asyncio.run(_round_trip(settings))
    except WhatsAppMcpError as error:
        return (problem(_NAME, error.message, error.next_step),)
    except OSError as error:
        return (problem(_NAME, f"cannot be tried: {error.strerror}", "Run this command as the server's user."),)
    return (ok(_NAME, f"WhatsApp answers, after {seconds:.1f} s"),)


async def _round_trip(settings: Settings) -> float:
    """Seconds. Raises WhatsAppMcpError."""
    patient = settings.model_copy(update={"connect_wait": CONNECT_LIMIT})
    async with SessionManager(patient).running() as manager:
        await manager.ready()
        began = time.monotonic()
        await manager.call(GetPrivacy(), timeout=ANSWER_LIMIT)
        return time.monotonic() - began
