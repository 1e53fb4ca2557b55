"""A person whom the account can write to: a phone of its own, an inbox, and perhaps a character."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Unpack

from whatsapp_mcp.jid import BROADCAST, STATUS_BROADCAST, USER, Jid
from whatsapp_mcp.simulator.content.summary import ReceivedMessage
from whatsapp_mcp.simulator.people.personas import Persona, Reaction, Say
from whatsapp_mcp.simulator.people.responding import RespondingDevice
from whatsapp_mcp.simulator.people.sent import SentMessage
from whatsapp_mcp.simulator.people.writing import SimSendOptions
from whatsapp_mcp.simulator.service.calls import CallSignal, SimCall, new_call_id, offer, parse_signal
from whatsapp_mcp.simulator.service.groups.group_membership import GroupMembership
from whatsapp_mcp.simulator.service.router import Router, notification
from whatsapp_mcp.simulator.signal import SignalDevice
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.groups import Chat, GroupState, address
from whatsapp_mcp.simulator.state.record import Record
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import e2e

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChatState:
    """Somebody is ``composing`` (``media`` ``audio``: recording) or has ``paused``."""

    account: SimAccount
    state: str
    media: str
    group: Jid | None = None


@dataclass(frozen=True, slots=True)
class GroupNotice:
    """Something changed in a group: ``what`` is ``create``, ``add``, ``subject``, ``locked``, ``picture`` …"""

    group: Jid
    author: SimAccount | None
    what: str
    node: Node


@dataclass(frozen=True, slots=True)
class PresenceUpdate:
    account: SimAccount
    available: bool


class VirtualContact(RespondingDevice):
    """One simulated person. ``owner`` is the account it writes to unless told otherwise."""

    def __init__(
        self,
        world: World,
        router: Router,
        account: SimAccount,
        *,
        name: str,
        owner: SimAccount,
        groups: GroupMembership,
        persona: Persona | None = None,
        signal: SignalDevice | None = None,
    ) -> None:
        super().__init__(world, router, account, signal)
        self.name = name
        """What this contact is called in the simulator (its push name may differ)."""
        self.inbox: Record[ReceivedMessage] = Record(f"message to {name}")
        self.chat_states: Record[ChatState] = Record(f"chat state seen by {name}")
        self.presences: Record[PresenceUpdate] = Record(f"presence seen by {name}")
        self.call_signals: Record[CallSignal] = Record(f"call signal to {name}")
        self.group_notices: Record[GroupNotice] = Record(f"group notification to {name}")
        self.persona = persona
        """Answers by itself when set."""
        self.reads = True
        """Whether it confirms reading. Delivery is always confirmed when it is online."""
        self._owner = owner
        self._groups = groups
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: dict[str, SimCall] = {}
        self.device.available = True

    @property
    def number(self) -> str:
        return self.account.number

    def change_number(self, number: str) -> None:
        """Take another number; groups are told, and who has the contact in the address book.

        Raises:
            ValueError: it is no number, or taken.
        """
        old = self.account.pn
        self._groups.renumber(self.account, number)
        change = Node("modify", {"old": old, "new": self.account.pn})
        for device in self._owner.devices.values():
            device.deliver(notification(self.world, self.account.pn, "contacts", change))

    # --- writing ---

    def say(self, text: str, **options: Unpack[SimSendOptions]) -> SentMessage:
        """Send a text, perhaps as a reply to a message of either side."""
        return self.send_content(e2e.Message(conversation=text), **options)

    def say_to_list(self, text: str, *, list_id: str = "1795800000") -> SentMessage:
        """Send a text to a broadcast list in which the account is, among others: nobody sees who else."""
        message = e2e.Message(conversation=text)
        sent = SentMessage(self.world.new_id(), self._now(), self._owner, message)
        self._sent[sent.id] = sent
        for target in self._owner.devices.values():
            attrs = self._by_list(Jid(list_id, BROADCAST), sent.id)
            target.deliver(Node("message", attrs, [self._encrypt(target, message)]))
        return sent

    def send_for_phone_only(self, kind: str = "view_once") -> str:
        """Send what linked devices get nothing of but its id, which this returns (``kind`` empty: without a reason)."""
        message_id = self.world.new_id()
        attrs: dict[str, Attr] = {"from": self.account.lid, "sender_pn": self.account.pn, "id": message_id}
        attrs |= {"t": self.world.now(), "type": "media", "notify": self.account.push_name}
        nothing = Node("unavailable", {"type": kind} if kind else {})
        for target in self._owner.devices.values():
            if target.number:
                target.deliver(Node("message", attrs, [nothing]))
        return message_id

    def _by_list(self, broadcast_list: Jid, message_id: str) -> dict[str, Attr]:
        author: dict[str, Attr] = {"participant": self.account.lid, "participant_pn": self.account.pn}
        said: dict[str, Attr] = {"id": message_id, "t": self.world.now(), "type": "text"}
        return {"from": broadcast_list, "addressing_mode": "lid", "notify": self.account.push_name, **author, **said}

    def react(self, emoji: str, message: ReceivedMessage | SentMessage) -> SentMessage:
        """React to a message of either side; an empty emoji takes the reaction back."""
        reaction = e2e.Message()
        reaction.reactionMessage.key.CopyFrom(self._key(message))
        reaction.reactionMessage.text = emoji
        reaction.reactionMessage.senderTimestampMS = int(self.world.clock() * 1000)
        return self.send_message(self._chat_of(message), reaction)

    def edit(self, sent: SentMessage, text: str) -> SentMessage:
        """Replace the text of an own message."""
        edit = e2e.Message()
        edit.editedMessage.message.protocolMessage.CopyFrom(self._edit_of(sent, e2e.Message(conversation=text)))
        return self.send_message(sent.chat, edit, edit="1")

    def revoke(self, message: SentMessage | ReceivedMessage) -> SentMessage:
        """Delete an own message for everybody, or as an admin of a group somebody else's."""
        revoke = e2e.Message()
        revoke.protocolMessage.type = e2e.ProtocolMessage.REVOKE
        revoke.protocolMessage.key.CopyFrom(self._key(message))
        return self.send_message(self._chat_of(message), revoke, edit="7" if isinstance(message, SentMessage) else "8")

    def _default_chat(self) -> SimAccount:
        return self._owner

    # --- calls ---

    def call(self, *, video: bool = False, to: SimAccount | None = None) -> SimCall:
        """Ring. The other side may take it or reject it."""
        callee, call_id = to or self._owner, new_call_id()
        key = e2e.Message(call=e2e.Call(callKey=secrets.token_bytes(32)))
        keys = []
        for target in callee.devices.values():
            enc = self.encryption.for_device(target, key)
            keys.append(Node(enc.tag, {**enc.attrs, "jid": target.lid}, enc.content))
        rings = offer(call_id, self.device, video=video, keys=keys)
        self._signal_call(callee, self.device.lid, rings)
        return self._note_call(call_id, callee, self.device.lid)

    def find_call(self, call_id: str) -> SimCall:
        """A call of either side, to be taken, rejected or ended.

        Raises:
            KeyError: there is none.
        """
        return self._calls[call_id]

    def _note_call(self, call_id: str, other: SimAccount, creator: Jid) -> SimCall:
        submit = partial(self._signal_call, other, creator)
        return self._calls.setdefault(call_id, SimCall(call_id, self.call_signals, submit))

    def _signal_call(self, other: SimAccount, creator: Jid, signal: Node) -> None:
        content = [Node(signal.tag, {"call-creator": creator, **signal.attrs}, signal.content)]
        self._submit(Node("call", {"id": self.world.new_id(), "to": other.lid}, content))

    # --- groups ---

    def join(self, code: str) -> GroupState | None:
        """Follow an invite link (or its code); ``None``: an admin has to approve first.

        Raises:
            IqError: 406 or 410 the link leads nowhere, 409 in the group already, 419 the group is full.
        """
        group, inside = self._groups.join(code.rpartition("/")[2], self.account)
        return group if inside else None

    def request_to_join(self, group: GroupState) -> None:
        """Follow the invite link of a group whose admins approve new members.

        Raises:
            IqError: as :meth:`join`.
            ValueError: the group lets everybody in who has the link.
        """
        if not group.approval_required:
            raise ValueError(f"{group!r} needs no approval")
        self._groups.join(group.invite_code, self.account)

    def leave(self, group: GroupState) -> None:
        """
        Raises:
            IqError: 403, not in the group.
        """
        self._groups.leave(group, self.account)

    @property
    def group_add(self) -> str:
        """Who may add this person to groups: ``all``, ``contacts`` (here the same), ``none`` …"""
        return self.account.privacy["groupadd"]

    @group_add.setter
    def group_add(self, value: str) -> None:
        if value not in ("all", "contacts", "contact_blacklist", "none"):
            raise ValueError(f"no such privacy setting: {value!r}")
        self.account.privacy["groupadd"] = value

    # --- presence ---

    def typing(self, *, active: bool = True, recording: bool = False, to: Chat | None = None) -> None:
        """Show "typing…" (or "recording…") in the chat, or end it."""
        attrs: dict[str, Attr] = {"media": "audio"} if active and recording else {}
        state = Node("composing" if active else "paused", attrs)
        self._submit(Node("chatstate", {"to": address(to or self._owner)}, [state]))

    def online(self) -> None:
        """Be reachable and in front of the phone. What waited is delivered now."""
        self.set_connected(connected=True)
        self._submit(Node("presence", {"type": "available", "name": self.account.push_name}))

    def offline(self) -> None:
        """Switch the phone off: messages wait, senders see one tick."""
        self._submit(Node("presence", {"type": "unavailable"}))
        self.set_connected(connected=False)

    def read(self, message: ReceivedMessage) -> None:
        """Confirm that a message was read (and a voice message played)."""
        self.send_receipt(message.chat, [message.id], "read", author=message.sender)
        if message.kind == "voice":
            self.send_receipt(message.chat, [message.id], "played", author=message.sender)

    def subscribe_presence(self, account: SimAccount | None = None) -> None:
        """Ask to be told when somebody comes online; see ``presences``."""
        self._submit(Node("presence", {"type": "subscribe", "to": (account or self._owner).lid}))

    # --- receiving ---

    async def wait_for_message(
        self, predicate: Callable[[ReceivedMessage], bool] | None = None, *, timeout: float = 30.0, start: int = 0
    ) -> ReceivedMessage:
        """The first message in the inbox, from position ``start`` on, that fits.

        Raises:
            TimeoutError: none came in ``timeout`` seconds.
        """
        return await self.inbox.wait_for(predicate, timeout=timeout, start=start)

    def handle_message(self, sender: SimDevice, received: ReceivedMessage) -> None:
        self.inbox.add(received)
        if self.persona is not None and self._concerns_me(received):
            chat = self._chat_of(received)
            task = asyncio.get_running_loop().create_task(self._answer(chat, received, self.persona))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif self.reads:
            self.read(received)

    def _concerns_me(self, message: ReceivedMessage) -> bool:
        """In groups nobody answers everything: only what mentions, names or quotes this contact."""
        if message.group is None:
            return message.chat != STATUS_BROADCAST
        summary = message.summary
        if {str(self.account.lid), str(self.account.pn)} & set(summary.mentions):
            return True
        if summary.reply_to is not None and self.sent(summary.reply_to) is not None:
            return True
        return re.search(rf"\b{re.escape(self.name)}\b", summary.text, re.IGNORECASE) is not None

    def handle_own_copy(self, sender: SimDevice, received: ReceivedMessage) -> None:
        """Contacts have one device only."""

    async def _answer(self, to: Chat, received: ReceivedMessage, persona: Persona) -> None:
        """Read, think, type and answer as the persona wants."""
        await asyncio.sleep(persona.reading_seconds)
        if self.reads:
            self.read(received)
        for answer in persona.answer(received):
            if isinstance(answer, Reaction):
                self.react(answer.emoji, received)
            elif isinstance(answer, Say):
                self.typing(to=to)
                await asyncio.sleep(persona.typing_seconds(answer.text))
                self.typing(active=False, to=to)
                self.say(answer.text, reply_to=received if answer.reply else None, to=to)

    def handle_stanza(self, node: Node) -> None:
        origin = node.jid("from")
        group = origin if origin is not None and origin.is_group else None
        account = self.world.account(node.jid("participant") if group else origin)
        if node.tag == "notification" and group is not None and node.children():
            what = "picture" if node.get("type") == "picture" else node.children()[0].tag
            self.group_notices.add(GroupNotice(group, account, what, node))
            return
        if account is None:
            return
        if node.tag == "call" and (signal := parse_signal(self.world, node)):
            if signal.what == "offer":
                self._note_call(signal.call_id, signal.by, signal.creator or signal.by.lid)
            self.call_signals.add(signal)
        elif node.tag == "chatstate" and node.children():
            state = node.children()[0]
            self.chat_states.add(ChatState(account, state.tag, state.get("media"), group))
        elif node.tag == "presence":
            self.presences.add(PresenceUpdate(account, node.get("type") != "unavailable"))

    async def stop(self) -> None:
        """End what the persona is doing."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def __repr__(self) -> str:
        return f"<VirtualContact {self.name} {self.account.number}@{USER}>"
