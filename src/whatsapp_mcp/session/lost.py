"""Messages whose content was lost: decrypted by whatsmeow, which can be done once, in a process that died too early.

WhatsApp repeats what was not confirmed. Of a repetition that whatsmeow decrypted before, neonize tells nothing; there
is only a line in whatsmeow's log (message.go, ``decryptMessages``), with id, author and chat, without the time:

    Ignoring message 3EB0… from 4915…:2@s.whatsapp.net in 1203…@g.us: failed to decrypt …: received message with old …

Nearly always only the confirmation had been lost: the message is in the store, or was about another one (a reaction, an
edit) and was taken note of when it came. The rest is lost, and the store gets a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from google.protobuf.message import DecodeError

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models import LOST, Content, MessageKind, MessageReceived
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.wire.protos import neonize_pb2

__all__ = ["REPEATED", "SUSPECTED", "Losses", "tells_of_a_repetition"]

REPEATED: Final = 1000
"""Number, beyond those of neonize, of an event that is such a line; it may come before the event of the message."""
SUSPECTED: Final = 1001
"""The same some time later, when the message must have come if it was not lost."""
REMEMBERED: Final = 5000

_LINE: Final = re.compile(r"Ignoring message (\S+) from (\S+?)(?: in (\S+?))?: .*old counter")
_NO_CONTENT: Final = {"senderKeyDistributionMessage", "messageContextInfo"}
"""Parts of a message that come ahead of its content, under the same id."""


def tells_of_a_repetition(line: str) -> bool:
    """Whether a line of whatsmeow's log says that a repeated message was ignored."""
    return line.startswith("Ignoring message ") and _LINE.match(line) is not None


class Losses:
    """Tells lost messages from those that were only repeated."""

    def __init__(self, last_moment: int) -> None:
        """``last_moment``: when the process before this one last heard of anything, in milliseconds since 1970.

        Lost messages are dated to it: they came before it, mostly some milliseconds.
        """
        self._last_moment = last_moment
        self._heard: dict[str, None] = {}

    def heard(self, message_event: bytes) -> None:
        """A message came, whatever it was about."""
        try:
            event = neonize_pb2.Message.FromString(message_event)
        except DecodeError:
            return
        if all(field.name in _NO_CONTENT for field, _ in event.Message.ListFields()):
            return
        self._heard[event.Info.ID] = None
        if len(self._heard) > REMEMBERED:
            del self._heard[next(iter(self._heard))]

    def remember(self, code: int, payload: bytes) -> None:
        """An event of the process before this one."""
        if code == EventCode.MESSAGE:
            self.heard(payload)

    def placeholder(
        self, line: str, *, own: tuple[Jid, ...], is_stored: Callable[[str, Jid], bool]
    ) -> MessageReceived | None:
        """What to store for a repetition; None when the message is not lost.

        Args:
            line: of whatsmeow's log.
            own: our own addresses, number and LID.
            is_stored: looks for a message by its id and chat.
        """
        match = _LINE.match(line)
        if match is None or match[1] in self._heard:
            return None
        sender = Jid.parse(match[2]).bare
        chat = Jid.parse(match[3]).bare if match[3] else sender
        if chat in own:
            return None  # almost always between our own devices: keys, history
        if is_stored(match[1], chat):
            return None
        return MessageReceived(
            id=match[1],
            chat=chat,
            sender=sender,
            timestamp=self._last_moment,
            content=Content(MessageKind.UNDECRYPTABLE, extra={LOST: True}),
            from_me=sender in own,
        )
