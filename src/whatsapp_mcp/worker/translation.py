"""What an event of neonize means: changes for the store, and notices for the server."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain
from typing import Final

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change, IdentityLearned, MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.notices import jids_in
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.models.views import Device
from whatsapp_mcp.pipe.lines import Ended, Notice, StateChanged, TypingSeen
from whatsapp_mcp.store.engine.choice import is_the_stores_fault
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.events import MessageEvent, changes_from_event
from whatsapp_mcp.whatsapp.history import changes_from_history
from whatsapp_mcp.whatsapp.typing_states import typing_state
from whatsapp_mcp.whatsapp.whatsmeow_log import source_of_unparsed
from whatsapp_mcp.worker.lost import Losses
from whatsapp_mcp.worker.open_store import OpenStore

logger = logging.getLogger(__name__)

REPEATED: Final = 1000
"""Number, beyond those of neonize, of an event that is a log line about an ignored repetition. The line may overtake
the message itself, so nothing follows from it yet."""
SUSPECTED: Final = 1001
"""The same, when the message should have come."""
UNPARSED: Final = 1002
"""A log line about what was decrypted and is no message: the time in milliseconds, an id of ours, the line."""
EXPLAINED: Final = 1003
"""A line of the log that says why linked devices get nothing of a message: its id and a word."""
_EXPLAINED_AT_ONCE: Final = 100
"""The event about the message follows at once; so many are remembered."""

_ENDS: Final = {
    EventCode.LOGGED_OUT: Ended(reason="logged_out", detail="the phone removed this linked device"),
    EventCode.STREAM_REPLACED: Ended(reason="replaced", detail="another program connected as this linked device"),
    EventCode.CLIENT_OUTDATED: Ended(reason="outdated", detail="WhatsApp refuses this version of the client (405)"),
}
_SAYS_NOTHING_HEARD: Final = frozenset(
    {EventCode.KEEP_ALIVE_TIMEOUT, EventCode.DISCONNECTED, EventCode.HISTORY_SYNC, SUSPECTED}
)
"""A history may be of long ago (``store_thread``)."""


LOOKED_UP: Final = 300
"""People of one event whose numbers are looked up."""


def _named_by(change: MessageReceived) -> list[Jid]:
    """Who calls, or whom a notice of a group names."""
    match change.content.kind:
        case MessageKind.CALL:
            return [change.sender]
        case MessageKind.NOTICE:
            return [Jid.parse(text) for text in jids_in(change.content.extra)]
    return []


class Translation:
    """Translates the events of one process, in their order."""

    def __init__(self, store: OpenStore, account: Account, losses: Losses) -> None:
        self._store = store
        self._account = account
        self._losses = losses
        self._silent = False
        """WhatsApp did not answer whatsmeow's last keep-alive."""
        self._unavailable: dict[str, str] = {}
        """Why linked devices get nothing of a message, by its id."""

    def translate(self, code: int, payload: bytes) -> Iterable[Change | Notice]:
        """May look at the store, and commit for that; a history is read while it is gone through.

        Raises:
            DecodeError: it cannot be read.
        """
        heard: list[Change | Notice] = []
        if self._silent and code not in _SAYS_NOTHING_HEARD:
            self._silent = False
            heard.append(self._connected())
        return chain(heard, self._meaning(code, payload))

    def _meaning(self, code: int, payload: bytes) -> Iterable[Change | Notice]:
        match code:
            case EventCode.MESSAGE:
                return self._message(MessageEvent(payload))
            case EventCode.HISTORY_SYNC:
                self._losses.history_came()
                return changes_from_history(payload, *self._store.own)
            case EventCode.CHAT_PRESENCE:
                seen = typing_state(payload)
                return [TypingSeen(chat=seen.chat, sender=seen.sender, state=seen.state)]
            case _ if code == SUSPECTED:
                lost = self._losses.repeated(payload.decode())
                return [lost] if lost is not None else []
            case _ if code == UNPARSED:
                return _place_of_unparsed(payload.decode(), self._store.own)
            case _ if code == EXPLAINED:
                message_id, why = payload.decode().split(" ", 1)
                self._unavailable[message_id] = why
                if len(self._unavailable) > _EXPLAINED_AT_ONCE:
                    del self._unavailable[next(iter(self._unavailable))]
                return []
            case _:
                changes = changes_from_event(code, payload, self._store.own, self._unavailable)
                return [*self._numbers_in(changes), *changes, *self._life_cycle(code)]

    def _numbers_in(self, changes: Sequence[Change]) -> list[Change]:
        """The numbers of people whom only LIDs name, as far as whatsmeow knows them from WhatsApp's server."""
        named = [one for change in changes if isinstance(change, MessageReceived) for one in _named_by(change)]
        learned: list[Change] = []
        for lid in [jid for jid in dict.fromkeys(named) if jid.is_lid][:LOOKED_UP]:
            with suppress(WhatsAppMcpError):
                number = self._account.number_of(lid)
                learned += [IdentityLearned(lid=lid, number=number)] if number is not None else []
        return learned

    def _message(self, event: MessageEvent) -> list[Change]:
        self._losses.heard(event)
        try:
            changes = event.changes(self._store.own)
        except Exception as error:
            if is_the_stores_fault(error):
                raise
            logger.exception("a message could not be read; its place says so")
            return [event.unreadable("this server does not understand it")]
        message_id = event.content_id
        if message_id is not None and not any(
            isinstance(one, MessageReceived) and one.id == message_id for one in changes
        ):
            changes.append(event.redemption())
        return changes

    def _life_cycle(self, code: int) -> list[Notice]:
        match code:
            case EventCode.DEVICE:
                self._remember_owner()
            case EventCode.CONNECTED:
                return [self._connected()]
            case EventCode.DISCONNECTED:
                return [StateChanged(state=SessionState.RECONNECTING)]
            case EventCode.KEEP_ALIVE_TIMEOUT if not self._silent:
                self._silent = True
                detail = "WhatsApp has not answered for half a minute"
                return [StateChanged(state=SessionState.RECONNECTING, detail=detail)]
            case _ if code in _ENDS:
                return [_ENDS[code]]
        return []

    def _connected(self) -> StateChanged:
        device = self._device()
        if device is None:
            return StateChanged(state=SessionState.CONNECTED)
        self._store.set_owner(device.jid.bare, device.lid.bare if device.lid else None)
        return StateChanged(
            state=SessionState.CONNECTED,
            own_jid=device.jid,
            own_lid=device.lid,
            push_name=device.push_name or None,
            platform=device.platform or None,
        )

    def _remember_owner(self) -> None:
        device = self._device()
        if device is None:
            return
        number, owner = device.jid.bare, self._store.owner
        if owner is not None and owner != number:
            logger.warning("another account is linked now; the messages of %s are kept aside", owner)
            self._store.begin_anew(owner.user)
        self._store.set_owner(number, device.lid.bare if device.lid else None)

    def _device(self) -> Device | None:
        try:
            return self._account.device()
        except WhatsAppMcpError:
            return None


def _place_of_unparsed(noted: str, own: tuple[Jid, ...]) -> list[MessageReceived]:
    """Whoever sent it believes that it came. Its id is not told, so it has one of ours."""
    moment, message_id, line = noted.split(" ", 2)
    source = source_of_unparsed(line)
    if source is None or source.sender in own:
        return []
    content = Content.unreadable("what was sent is no message")
    return [MessageReceived(message_id, source.chat, source.sender, int(moment), content)]
