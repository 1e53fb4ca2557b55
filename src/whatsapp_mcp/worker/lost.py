"""Messages whose content was lost: decrypted by whatsmeow, which can be done once, in a process that died too early.

They leave two traces. WhatsApp repeats a message that was not confirmed. Of a repetition that whatsmeow decrypted
before, neonize tells nothing; there is only a line in whatsmeow's log (``whatsmeow_log``), without time.

Nearly always only the confirmation had been lost then: the message is in the store, or was about another one (a
reaction, an edit) and was taken note of when it came. And of a message that was confirmed, and so is never repeated,
whatsmeow has stored the secret: if that came after the last message that is known here, the message got no further. Of
what is lost the store gets a placeholder, which gives way to the content if it comes after all.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from google.protobuf.message import DecodeError

from whatsapp_mcp.errors import WhatsAppRefused
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.models.content import LOST, Content, MessageKind
from whatsapp_mcp.models.session import Decrypted
from whatsapp_mcp.models.views import StoredMessage
from whatsapp_mcp.untrusted_text import speakable_id
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.events import MessageEvent
from whatsapp_mcp.whatsapp.history import ids_in_history
from whatsapp_mcp.whatsapp.origin import shown_in
from whatsapp_mcp.whatsapp.whatsmeow_log import repetition_in

if TYPE_CHECKING:
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import HistorySyncNotification

logger = logging.getLogger(__name__)

REMEMBERED: Final = 5000


class Known(Protocol):
    """What is known here already."""

    @property
    def own(self) -> tuple[Jid, ...]:
        """Our own addresses, number and LID."""

    def find(self, message_id: str, chat: Jid, author: Jid | None = None) -> StoredMessage | None:
        """A stored message."""


class Losses:
    """Tells lost messages from those that were only repeated."""

    def __init__(self, last_moment: int, store: Known) -> None:
        """
        Args:
            last_moment: when the process before this one last heard of anything, in milliseconds since 1970. Lost
                messages are dated to it: they came then, or before it if they had waited at WhatsApp.
        """
        self._last_moment = last_moment
        self._store = store
        self._heard: dict[str, None] = {}
        self.announced: list[HistorySyncNotification] = []
        """Parts of a history that the process before this one was told of and had not got."""
        self._awaited: deque[HistorySyncNotification] = deque()
        """Those that this process was told of, until they come."""
        self._taken = 0
        """How many of them it fetches itself."""

    def remember(self, code: int, payload: bytes) -> None:
        """An event of the process before this one."""
        if code == EventCode.MESSAGE:
            with suppress(DecodeError, WhatsAppRefused):
                event = MessageEvent(payload)
                self.heard(event)
                self.announced += filter(None, [event.announced_history])
        elif code == EventCode.HISTORY_SYNC:
            del self.announced[:1]  # they come in the order in which they were announced

    def heard(self, event: MessageEvent) -> None:
        """A message came, whatever it was about."""
        self._awaited.extend(filter(None, [event.announced_history]))
        message_id = event.content_id
        if message_id is None:
            return
        self._heard[message_id] = None
        if len(self._heard) > REMEMBERED:
            del self._heard[next(iter(self._heard))]

    def begin(self) -> None:
        """What the process before this one heard is stored: this one hears now."""
        self._awaited.clear()

    def history_came(self) -> None:
        """A part of a history came; they come in the order in which they were announced."""
        if self._taken:
            self._taken -= 1
        elif self._awaited:
            self._awaited.popleft()

    def unread_history(self) -> HistorySyncNotification | None:
        """The part that whatsmeow could not read, to be fetched once more; None: its announcement is on its way."""
        if not self._awaited:
            return None
        self._taken += 1
        return self._awaited.popleft()

    def repeated(self, line: str) -> MessageReceived | None:
        """The placeholder to store for a line of whatsmeow's log; None when the message is not lost."""
        message = repetition_in(line)
        if message is None or message.chat in map(str, self._store.own):
            return None  # in our own chat, almost always: keys, history
        return self._placeholder(message)

    def never_came(self, decrypted: Iterable[Decrypted], histories: Iterable[bytes]) -> list[MessageReceived]:
        """Placeholders for messages that whatsmeow decrypted after the last one that came here, oldest first.

        Args:
            decrypted: newest first.
            histories: what came of any to the process before this one; gone through only where it matters.
        """
        later: list[Decrypted] = []
        for one in decrypted:
            if one.id in self._heard:
                break
            later.append(one)
        else:
            return []  # nothing to go by: a new account, or the secrets of a whole history
        for history in histories if later else ():
            told = ids_in_history(history)
            later = [one for one in later if one.id not in told]
        lost = [self._placeholder(one) for one in reversed(later)]
        return [one for one in lost if one is not None]

    def _placeholder(self, message: Decrypted) -> MessageReceived | None:
        try:
            chat, sender = Jid.parse(message.chat).bare, Jid.parse(message.sender).bare
        except ValueError:
            return None
        chat = shown_in(chat, sender, from_me=sender in self._store.own)
        if message.id in self._heard:
            return None
        known = self._store.find(message.id, chat, sender)
        if known is not None and not known.is_placeholder:
            return None
        logger.warning("the content of message %s in %s was lost in a crash", speakable_id(message.id), chat)
        return MessageReceived(
            id=message.id,
            chat=chat,
            sender=sender,
            timestamp=self._last_moment,
            content=Content(MessageKind.UNDECRYPTABLE, extra={LOST: True}),
            from_me=sender in self._store.own,
        )
