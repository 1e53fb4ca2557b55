"""What a phone tells a newly linked device about the time before: chats with messages, names, addresses.

Shapes: whatsmeow proto/waHistorySync, proto/waWeb. Within a conversation the newest message comes first. Messages are
not unwrapped: what was ephemeral comes in its envelope.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from whatsapp_mcp.jid import LID, STATUS_BROADCAST, USER, Jid
from whatsapp_mcp.simulator.content.compose import quote
from whatsapp_mcp.simulator.state.accounts import Person, SimAccount, account_of
from whatsapp_mcp.simulator.state.groups import GroupState
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.message_secrets import option_hash
from whatsapp_mcp.wire.protos import common, e2e, history_sync, web

HistoryKind = Literal["initial", "status", "full", "recent", "push_names", "non_blocking", "on_demand"]

SYNC_TYPES = {
    "initial": "INITIAL_BOOTSTRAP",
    "status": "INITIAL_STATUS_V3",
    "full": "FULL",
    "recent": "RECENT",
    "push_names": "PUSH_NAME",
    "non_blocking": "NON_BLOCKING_DATA",
    "on_demand": "ON_DEMAND",
}
"""Our names -> those of the protocol."""

_STATUS = {
    "error": web.WebMessageInfo.ERROR,
    "pending": web.WebMessageInfo.PENDING,
    "sent": web.WebMessageInfo.SERVER_ACK,
    "delivered": web.WebMessageInfo.DELIVERY_ACK,
    "read": web.WebMessageInfo.READ,
    "played": web.WebMessageInfo.PLAYED,
}

_ANSWERS = {
    "going": e2e.EventResponseMessage.GOING,
    "maybe": e2e.EventResponseMessage.MAYBE,
    "not_going": e2e.EventResponseMessage.NOT_GOING,
}
_MISSED = {"voice": web.WebMessageInfo.CALL_MISSED_VOICE, "video": web.WebMessageInfo.CALL_MISSED_VIDEO}


@dataclass(slots=True, eq=False)
class HistoryMessage:
    """One message as the phone remembers it."""

    content: str | e2e.Message
    """A text, or any message; see ``compose`` for the making of others."""
    author: Person | None = None
    """Who wrote it; ``None``: the account itself."""
    time: datetime | float | None = None
    """When, as datetime or in seconds since 1970; ``None``: a minute after the message before it."""
    id: str = field(default_factory=World.new_id)
    reply_to: HistoryMessage | None = None
    reactions: Sequence[tuple[Person | None, str]] = ()
    """(who, emoji); ``None``: the account itself."""
    status: Literal["error", "pending", "sent", "delivered", "read", "played"] = "read"
    """How far an own message got."""
    starred: bool = False
    votes: Sequence[tuple[Person | None, Sequence[str]]] = ()
    """Of a poll: (who, options); ``None``: the account itself."""
    answers: Sequence[tuple[Person | None, Literal["going", "maybe", "not_going"]]] = ()
    """Of an event: (who, answer)."""
    receipts: Sequence[tuple[Person, Literal["delivered", "read", "played"]]] = ()
    """Of an own message: how far it got with whom, where the phone tells."""
    pinned_by: Person | None = None
    deleted: bool = False
    """For everyone, by its author; the phone keeps nothing but that."""
    missed_call: Literal["", "voice", "video"] = ""
    """It is no message but a call that nobody took."""
    seconds: int = field(default=0, init=False)
    """The time, once the chat that it belongs to was made."""

    def message(self, own: SimAccount) -> e2e.Message:
        """The content with its quote."""
        message = e2e.Message()
        if isinstance(self.content, str):
            message.conversation = self.content
        else:
            message.CopyFrom(self.content)
        if self.reply_to is not None:
            author = own if self.reply_to.author is None else account_of(self.reply_to.author)
            quote(message, self.reply_to.id, str(author.lid), self.reply_to.message(own))
        return message


@dataclass(slots=True, eq=False)
class HistoryChat:
    """One chat: with a person, in a group, or anything with an address."""

    chat: Person | GroupState | Jid
    messages: list[HistoryMessage] = field(default_factory=list)
    """Oldest first."""
    name: str = ""
    """As in the phone's address book, or the subject of a group; made up from the chat when missing."""
    unread: int = 0
    marked_unread: bool = False
    pinned: bool = False
    archived: bool = False
    muted_until: int = 0
    """Seconds since 1970; 0: not muted."""
    ephemeral: int = 0
    """The timer for new messages, seconds."""
    complete: bool = True
    """Whether the phone has no older messages of this chat."""

    @property
    def account(self) -> SimAccount | None:
        """The other person, of a 1:1 chat."""
        if isinstance(self.chat, (GroupState, Jid)):
            return None
        return account_of(self.chat)

    @property
    def jid(self) -> Jid:
        """The chat's address; of a person the LID."""
        if isinstance(self.chat, Jid):
            return self.chat
        return self.chat.jid if isinstance(self.chat, GroupState) else account_of(self.chat).lid

    def set_times(self, end: float) -> None:
        """Give every message without a time one; without any time given, the last is at ``end``."""
        first = next((message.time for message in self.messages if message.time is not None), None)
        before = (end if first is None else _seconds(first)) - 60 * len(self.messages)
        for message in self.messages:
            before = before + 60 if message.time is None else _seconds(message.time)
            message.seconds = int(before)


class HistoryBuilder:
    """Makes the protobufs. ``addressing``: whether chats with people go by number or by LID, which depends on how far
    the account's phone is in WhatsApp's move from one to the other."""

    def __init__(self, world: World, own: SimAccount, addressing: Literal["lid", "pn"] = "lid") -> None:
        self._world = world
        self._own = own
        self.addressing: Literal["lid", "pn"] = addressing

    def build(
        self, kind: HistoryKind, chats: Iterable[HistoryChat] = (), *, chunk: int = 1, progress: int = 100
    ) -> history_sync.HistorySync:
        """One chunk of history."""
        sync = history_sync.HistorySync(
            syncType=history_sync.HistorySync.HistorySyncType.Value(SYNC_TYPES[kind]),
            chunkOrder=chunk,
            progress=progress,
        )
        if kind == "push_names":
            for account in self._others():
                sync.pushnames.add(ID=str(account.pn), pushname=account.push_name)
            return sync
        if kind == "non_blocking":
            sync.globalSettings.disappearingModeDuration = self._own.default_disappearing_seconds
        if kind == "status":
            for chat in chats:
                sync.statusV3Messages.extend(self._message(STATUS_BROADCAST, m, in_group=True) for m in chat.messages)
            return sync
        sync.conversations.extend(self._conversation(chat) for chat in chats)
        if kind != "on_demand":
            for account in self._others():
                sync.phoneNumberToLidMappings.add(pnJID=str(account.pn), lidJID=str(account.lid))
        return sync

    def _others(self) -> list[SimAccount]:
        return [account for account in self._world.accounts if account is not self._own]

    def _conversation(self, chat: HistoryChat) -> history_sync.Conversation:
        account = chat.account
        jid = self._address(chat)
        conversation = history_sync.Conversation(ID=str(jid), notSpam=True, endOfHistoryTransfer=chat.complete)
        conversation.endOfHistoryTransferType = (
            history_sync.Conversation.COMPLETE_AND_NO_MORE_MESSAGE_REMAIN_ON_PRIMARY
            if chat.complete
            else history_sync.Conversation.COMPLETE_BUT_MORE_MESSAGES_REMAIN_ON_PRIMARY
        )
        if account is not None:
            conversation.lidJID, conversation.pnJID = str(account.lid), str(account.pn)
            conversation.displayName = chat.name or account.push_name
            conversation.name = conversation.displayName
        elif name := chat.name or (chat.chat.subject if isinstance(chat.chat, GroupState) else ""):
            conversation.name = name
        if isinstance(chat.chat, GroupState):
            self._describe_group(conversation, chat.chat)
        self._settings(conversation, chat)
        messages = sorted(chat.messages, key=lambda message: message.seconds, reverse=True)
        for order, message in enumerate(messages):
            info = self._message(jid, message, in_group=account is None)
            conversation.messages.add(message=info, msgOrderID=len(messages) - order)
        if messages:
            conversation.conversationTimestamp = conversation.lastMsgTimestamp = messages[0].seconds
        return conversation

    @staticmethod
    def _settings(conversation: history_sync.Conversation, chat: HistoryChat) -> None:
        conversation.unreadCount, conversation.markedAsUnread = chat.unread, chat.marked_unread
        conversation.archived, conversation.pinned = chat.archived, int(chat.pinned)
        if chat.muted_until:
            conversation.muteEndTime = chat.muted_until
        if chat.ephemeral:
            conversation.ephemeralExpiration = chat.ephemeral

    @staticmethod
    def _describe_group(conversation: history_sync.Conversation, group: GroupState) -> None:
        ranks = {
            "member": history_sync.GroupParticipant.REGULAR,
            "admin": history_sync.GroupParticipant.ADMIN,
            "superadmin": history_sync.GroupParticipant.SUPERADMIN,
        }
        for account, role in group.members.items():
            conversation.participant.add(userJID=str(group.name_of(account)), rank=ranks[role])
        conversation.createdAt, conversation.createdBy = group.created_at, str(group.name_of(group.owner))

    def _address(self, chat: HistoryChat) -> Jid:
        account = chat.account
        return account.pn if account is not None and self.addressing == "pn" else chat.jid

    def _name(self, person: Person | None) -> Jid:
        account = self._own if person is None else account_of(person)
        return account.pn if self.addressing == "pn" else account.lid

    def _message(self, chat: Jid, message: HistoryMessage, *, in_group: bool) -> web.WebMessageInfo:
        content = message.message(self._own)
        info = web.WebMessageInfo(
            key=self._key(chat, message, in_group=in_group),
            message=content,
            messageTimestamp=message.seconds,
            status=_STATUS[message.status] if message.author is None else web.WebMessageInfo.DELIVERY_ACK,
        )
        if message.starred:
            info.starred = True
        if message.author is not None:
            info.pushName = account_of(message.author).push_name
            if in_group:
                info.participant = str(self._name(message.author))
        if secret := content.messageContextInfo.messageSecret:  # phones keep it beside the message alone
            info.messageSecret = secret
            info.message.messageContextInfo.ClearField("messageSecret")
        for person, emoji in message.reactions:
            key = common.MessageKey(remoteJID=str(chat), fromMe=person is None, ID=World.new_id())
            if in_group and person is not None:
                key.participant = str(self._name(person))
            info.reactions.add(key=key, text=emoji, senderTimestampMS=(message.seconds + 1) * 1000)
        self._say_what_is_known(info, chat, message, in_group=in_group)
        return info

    def _say_what_is_known(
        self, info: web.WebMessageInfo, chat: Jid, message: HistoryMessage, *, in_group: bool
    ) -> None:
        """What people did with the message; and what is left of one that is no more."""
        after = (message.seconds + 1) * 1000
        for voter, options in message.votes:
            vote = e2e.PollVoteMessage(selectedOptions=[option_hash(option) for option in options])
            key = self._key_of(chat, voter, in_group=in_group)
            info.pollUpdates.add(pollUpdateMessageKey=key, vote=vote, senderTimestampMS=after)
        for person, answer in message.answers:
            said = e2e.EventResponseMessage(response=_ANSWERS[answer], timestampMS=after)
            key = self._key_of(chat, person, in_group=in_group)
            info.eventResponses.add(eventResponseMessageKey=key, eventResponseMessage=said, timestampMS=after)
        for reader, step in message.receipts:
            receipt = info.userReceipt.add(userJID=str(self._name(reader)), receiptTimestamp=message.seconds + 1)
            if step != "delivered":
                receipt.readTimestamp = message.seconds + 2
            if step == "played":
                receipt.playedTimestamp = message.seconds + 3
        if message.pinned_by is not None:
            info.pinInChat.type, info.pinInChat.senderTimestampMS = web.PinInChat.PIN_FOR_ALL, after
            info.pinInChat.key.CopyFrom(self._key_of(chat, message.pinned_by, in_group=in_group))
        if message.deleted or message.missed_call:
            info.ClearField("message")
            info.ClearField("messageSecret")
            info.messageStubType = _MISSED.get(message.missed_call, web.WebMessageInfo.REVOKE)

    def _key_of(self, chat: Jid, person: Person | None, *, in_group: bool) -> common.MessageKey:
        """Of what somebody sent about a message."""
        key = common.MessageKey(remoteJID=str(chat), fromMe=person is None, ID=World.new_id())
        if in_group and person is not None:
            key.participant = str(self._name(person))
        return key

    def _key(self, chat: Jid, message: HistoryMessage, *, in_group: bool) -> common.MessageKey:
        key = common.MessageKey(remoteJID=str(chat), fromMe=message.author is None, ID=message.id)
        if in_group:
            key.participant = str(self._name(message.author))
        return key


def _seconds(time: datetime | float) -> float:
    return time.timestamp() if isinstance(time, datetime) else time


def same_chat(world: World, one: Jid, other: Jid) -> bool:
    """Whether two addresses mean the same chat: number and LID of a person do."""
    if one.bare == other.bare:
        return True
    people = {USER, LID}
    if not {one.server, other.server} <= people:
        return False
    account = world.account(one)
    return account is not None and account is world.account(other)
