"""Changes that WhatsApp keeps as app state, alike on all devices. neonize cannot send them: a side login does."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import AppStateKeysMissing
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import AppStateChange, LabelChanged
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.side_login import ask, pause_note
from whatsapp_mcp.pipe.side_login import ChangeAppState

KEYS_ARRIVE: Final = timedelta(seconds=30)
"""So long after connecting, the phone's app-state keys may still be on their way."""
KEYS_WAIT: Final = 8.0
KEYS_PAUSE: Final = 0.3
LABEL_COLOR: Final = 0
"""Of a new label: the first of WhatsApp's palette; the seed gives no colour."""


async def change(services: Services, done: str, *changes: AppStateChange) -> str:
    """Carry the changes out; the sentence for the caller. A phone linked a moment ago may still be sending its keys."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + KEYS_WAIT
    while True:
        try:
            answer = await ask(services, ChangeAppState(changes=changes))
        except AppStateKeysMissing:
            fresh = now() - services.session.snapshot.since < KEYS_ARRIVE
            if not fresh or loop.time() > deadline:
                raise
            await services.session.wait_change(KEYS_PAUSE)
        else:
            return f"{done} {pause_note(answer)}"


def author(message: Message) -> Jid | None:
    """Only other people's messages in groups name their author in an index (whatsmeow: appstate/encode.go)."""
    return message.wire_sender if message.wire_chat.is_group and not message.from_me else None


async def named(services: Services, label_id: str, name: str) -> tuple[AppStateChange, ...]:
    """The label gets its name, or a new one, before it is put on something; it keeps its colour."""
    known = await services.store.look(lambda store: store.label(label_id))
    return (LabelChanged(label_id, name.strip(), known.color if known is not None else LABEL_COLOR),)
