"""Whether WhatsApp answers: `whatsapp-mcp doctor --connect`."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from whatsapp_mcp.errors import NotConnected, SessionCrashed, SessionTimeout, WhatsAppMcpError
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.offline.attached import Observer, attached
from whatsapp_mcp.offline.diagnosis.checks import Check, ok, problem
from whatsapp_mcp.offline.diagnosis.standing import LINK
from whatsapp_mcp.pipe.account import GetPrivacy
from whatsapp_mcp.pipe.codec import Moving
from whatsapp_mcp.session_db.database import linked_device
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.supervisor.manager import SessionManager
from whatsapp_mcp.waiting import waits_for

CONNECT_LIMIT: Final = 40.0
"""Seconds for a session process to start and to connect."""
ANSWER_LIMIT: Final = 20.0
"""Seconds for WhatsApp to answer a question about the account's own settings: it reads, and nobody sees it."""
_NAME: Final = "connection"
_NETWORK: Final = "Check the internet connection, and whether a proxy or firewall lets WhatsApp through."


def connection_tried(settings: Settings) -> tuple[Check, ...]:
    """Through the session process that runs, or one that is started for it and ends by itself afterwards."""
    try:
        if linked_device(settings.keys) is None:
            return (problem(_NAME, "no account is linked", LINK),)
        with waits_for("WhatsApp's answer"):
            seconds = asyncio.run(_asked(settings))
    except SessionTimeout as error:
        return (problem(_NAME, error.message, _NETWORK),)
    except WhatsAppMcpError as error:
        return (problem(_NAME, error.message, error.next_step),)
    except OSError as error:
        return (problem(_NAME, f"cannot be tried: {error.strerror}", "Run this command as the server's user."),)
    return (ok(_NAME, f"WhatsApp answers, after {seconds:.1f} s"),)


async def _asked(settings: Settings) -> float:
    """Seconds until the answer. Raises WhatsAppMcpError."""
    try:
        async with attached(settings) as found:
            if isinstance(found, Observer):
                return await _by_what_runs(found)
    except TimeoutError:
        raise SessionTimeout("the session process does not answer") from None
    except (Moving, SessionCrashed):
        pass  # it ended just now
    return await _by_a_new_one(settings)


async def _by_what_runs(session: Observer) -> float:
    """Whichever WhatsApp it is on."""
    standing = await session.state()
    if standing is not None and standing.state is not SessionState.CONNECTED:
        because = f": {standing.detail}" if standing.detail else ""
        raise NotConnected(f"the session is {standing.state.value}{because}", next_step="Look again in a minute.")
    began = time.monotonic()
    await session.call(GetPrivacy(), ANSWER_LIMIT)
    return time.monotonic() - began


async def _by_a_new_one(settings: Settings) -> float:
    patient = settings.model_copy(update={"connect_wait": CONNECT_LIMIT})
    async with SessionManager(patient).running() as manager:
        await manager.ready()
        began = time.monotonic()
        await manager.call(GetPrivacy(), timeout=ANSWER_LIMIT)
        return time.monotonic() - began
