"""Which chats are pinned, archived and muted: whatsmeow notes what the phone says, and neonize has no event for it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import MUTED_FOR_EVER, ChatMarks, ChatMarksSeen
from whatsapp_mcp.session_db.asking import NeverLinked, asking
from whatsapp_mcp.whereabouts import Whereabouts

logger = logging.getLogger(__name__)

_VERSIONS: Final = (
    "SELECT jid, name, version FROM whatsmeow_app_state_version WHERE jid IN (SELECT jid FROM whatsmeow_device)"
)
_MARKS: Final = "SELECT chat_jid, pinned, archived, muted_until FROM whatsmeow_chat_settings WHERE our_jid = ?"


def app_state_versions(where: Whereabouts) -> dict[str, int]:
    """Up to which version neonize has each collection of the app state; empty while no device is linked.

    Raises:
        StoreError: the database cannot be read.
    """
    try:
        with asking(where) as connection:
            return {str(name): int(version) for _, name, version in connection.execute(_VERSIONS)}
    except NeverLinked:
        return {}


def chat_marks(where: Whereabouts) -> ChatMarksSeen | None:
    """All that neonize has noted; None while no app state has come.

    whatsmeow writes down that it has a version before it writes down what that version says (appstate.go): only what is
    the same a while later is as that version has it.

    Raises:
        StoreError: the database cannot be read.
    """
    try:
        with asking(where) as connection:
            versions = connection.execute(_VERSIONS).fetchall()
            if not versions:
                return None
            device = str(versions[0][0])
            rows = connection.execute(_MARKS, (device,)).fetchall()
    except NeverLinked:
        return None
    return ChatMarksSeen(device, {str(name): int(version) for _, name, version in versions}, tuple(_chats(rows)))


def _chats(rows: Iterable[tuple[Any, ...]]) -> Iterator[ChatMarks]:
    for chat, pinned, archived, muted in rows:
        try:
            jid = Jid.parse(chat)
        except ValueError:
            logger.warning("neonize has noted something of a chat without an address")
            continue
        until = MUTED_FOR_EVER if muted < 0 else int(muted) * 1000
        yield ChatMarks(jid, bool(pinned), bool(archived), until)
