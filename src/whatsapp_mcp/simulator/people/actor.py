"""A device that lives in this process: what a phone of the account and the phones of its contacts have in common.

It talks to the server in stanzas like any client and has its own Signal sessions; it only needs no socket.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime

from google.protobuf.message import DecodeError

from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.simulator.content.message_secrets import MessageSecrets
from whatsapp_mcp.simulator.content.naming import named_for
from whatsapp_mcp.simulator.content.stanza_kind import stanza_kind
from whatsapp_mcp.simulator.content.summary import ReceivedMessage, summarise
from whatsapp_mcp.simulator.people.encryption import Encryption
from whatsapp_mcp.simulator.people.sent import ReceivedReceipt, RefusedMessage, SentMessage
from whatsapp_mcp.simulator.service.groups.group_messages import participant_hash
from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.signal import DuplicateMessageError, SignalDevice, SignalError
from whatsapp_mcp.simulator.signal.sender_keys import SenderKeys
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.groups import Chat, GroupState
from whatsapp_mcp.simulator.state.record import Record
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import e2e

log = logging.getLogger(__name__)

_REMEMBERED_MESSAGES = 1000
_MAX_RETRIES = 5


class Actor(ABC):
    """The phone (device 0) of an account."""

    def __init__(self, world: World, router: Router, account: SimAccount, signal: SignalDevice | None = None) -> None:
        self.world = world
        self.account = account
        self.signal = signal or SignalDevice()
        self.sender_keys = SenderKeys()
        self.encryption = Encryption(self.signal, self.sender_keys)
        self.secrets = MessageSecrets(world)
        """Opens votes and encrypted edits."""
        self.receipts: Record[ReceivedReceipt] = Record("receipt")
        """Receipts for messages that this device sent."""
        self.refused: Record[RefusedMessage] = Record("refusal of a message")
        """Messages of this device that the server did not take."""
        self.connected = True
        """Whether it has a network; what comes meanwhile is handled when it is back."""
        self._router = router
        self._postponed: list[Node] = []
        self._sent: OrderedDict[str, SentMessage] = OrderedDict()
        self._peer_messages: OrderedDict[str, e2e.Message] = OrderedDict()
        """What it told own devices: keys, history."""
        self._retries: dict[str, int] = {}
        self.device = SimDevice(
            account,
            0,
            identity=self.signal.identity.public,
            registration_id=self.signal.registration_id,
            signed_prekey=self.signal.signed_prekey,
        )
        self.device.more_prekeys = self.signal.new_prekey
        self.device.link = self
        account.devices[0] = self.device

    def sent(self, message_id: str) -> SentMessage | None:
        """A message of this device by its id; the last 1000 are remembered."""
        return self._sent.get(message_id)

    # --- the network ---

    def send(self, node: Node) -> None:
        """The server has something for this device. Handled in the next turn of the event loop, in order."""
        if self.connected:
            asyncio.get_running_loop().call_soon(self._receive, node)
        else:
            self._postponed.append(node)

    def farewell(self, node: Node) -> None:
        """There is no socket to close."""
        self.send(node)

    def set_connected(self, *, connected: bool) -> None:
        self.connected = connected
        if connected:
            postponed, self._postponed = self._postponed, []
            for node in postponed:
                self.send(node)

    def _submit(self, node: Node) -> None:
        self._router.dispatch(self.device, node, self.send)

    def _receive(self, node: Node) -> None:
        try:
            if node.tag == "message":
                self._receive_message(node)
            elif node.tag == "receipt":
                self._receive_receipt(node)
            elif node.tag == "ack" and node.get("error"):
                self.refused.add(RefusedMessage(node.get("id"), int(node.get("error"))))
            else:
                self.handle_stanza(node)
        except Exception:
            log.exception("%r cannot handle %s", self.device, node.xml())

    # --- sending ---

    def send_message(
        self,
        chat: Chat,
        message: e2e.Message,
        *,
        kind: str | None = None,
        edit: str = "",
        message_id: str | None = None,
    ) -> SentMessage:
        """Encrypt a message for every device of ``chat`` and of the own account, and send it. What the server does
        not take shows in :attr:`refused`.

        ``kind`` is the stanza's type (``text``, ``media``, ``reaction``, ``poll``) where it is not that of the content,
        ``edit`` its edit attribute (``1`` edit, ``7`` revoke, ``8`` revoke by an admin).
        """
        self.secrets.give(message)
        sent = SentMessage(message_id or self.world.new_id(), self._now(), chat, message)
        self.secrets.remember(sent.id, self.account.lid, message)
        self._sent[sent.id] = sent
        if len(self._sent) > _REMEMBERED_MESSAGES:
            self._sent.popitem(last=False)
        attrs: dict[str, Attr] = {"id": sent.id, "to": sent.address, "type": kind or stanza_kind(message)[0]}
        if edit:
            attrs["edit"] = edit
        if isinstance(chat, GroupState):
            # See whatsmeow send.go: sendGroup.
            attrs["phash"] = participant_hash(chat.name_of_device(device) for device in chat.devices)
            attrs["addressing_mode"] = chat.addressing_mode
            others = [device for device in chat.devices if device is not self.device]
            self._submit(Node("message", attrs, self.encryption.for_group(chat.jid, others, message)))
            return sent
        own_copy = sent.own_copy()
        addressed = []
        for target in _devices_of(chat, self.account):
            if target is not self.device:
                content = message if target.account is chat and chat is not self.account else own_copy
                addressed.append(Node("to", {"jid": target.lid}, [self._encrypt(target, self._for(target, content))]))
        if addressed:
            self._submit(Node("message", attrs, [Node("participants", {}, addressed)]))
        return sent

    def send_bytes(self, to: SimAccount, content: bytes) -> str:
        """Encrypt bytes in place of a message, as a broken or hostile client may, and send them to linked devices.

        Returns:
            The id of the message.
        """
        message_id = self.world.new_id()
        addressed = [
            Node("to", {"jid": target.lid}, [self.encryption.bytes_for_device(target, content)])
            for target in to.devices.values()
            if not target.is_local
        ]
        attrs: dict[str, Attr] = {"id": message_id, "to": to.lid, "type": "text"}
        self._submit(Node("message", attrs, [Node("participants", {}, addressed)]))
        return message_id

    def _encrypt(self, target: SimDevice, message: e2e.Message) -> Node:
        """All that goes to one device passes here; a test may put something else in its place."""
        return self.encryption.for_device(target, message)

    def _for(self, target: SimDevice, message: e2e.Message) -> e2e.Message:
        """A message between people as one device is to get it."""
        if target.uses_lid(self.account):
            return named_for(self.world, target, message)
        return named_for(self.world, target, self.secrets.in_numbers(message, self.account))

    def _start_session(self, target: SimDevice) -> None:
        self.encryption.start_session(target)

    def send_directly(self, target: SimDevice, message: e2e.Message, attrs: dict[str, Attr], *, count: int = 0) -> None:
        """Send to one device only: a peer message to an own device, or an answer to a retry receipt (its ``count``)."""
        enc = self._encrypt(target, message)
        if count:
            enc.attrs["count"] = str(count)
        elif attrs.get("category") == "peer":
            self._peer_messages[str(attrs["id"])] = message
            if len(self._peer_messages) > _REMEMBERED_MESSAGES:
                self._peer_messages.popitem(last=False)
        self._submit(Node("message", {"to": target.lid, "type": "text", **attrs}, [enc]))

    # --- receiving ---

    def _receive_message(self, node: Node) -> None:
        sender = self.world.device(node.jid("participant") or node.jid("from"))
        if sender is None:
            log.warning("%r got a message from nobody: %s", self.device, node.xml())
            return
        for enc in node.children("enc"):
            try:
                message = self.encryption.open(sender, _group_of(node), enc)
            except DuplicateMessageError:
                log.info("%r got message %s twice", self.device, node.get("id"))
                continue
            except (SignalError, DecodeError) as error:
                log.info("%r cannot decrypt %s from %r: %s", self.device, node.get("id"), sender, error)
                self._ask_again(sender, node)
                return
            self._retries.pop(node.get("id"), None)
            self._dispatch_message(sender, node, message)

    def _dispatch_message(self, sender: SimDevice, node: Node, message: e2e.Message) -> None:
        group = _group_of(node)
        if group is not None:
            self._dispatch_group_message(group, sender, node, message)
            return
        if sender.account is self.account:
            inner = message.deviceSentMessage.message if message.HasField("deviceSentMessage") else message
            if node.get("category") == "peer":
                self._confirm(sender, node, "peer_msg")
                self.handle_peer_message(sender, inner, node.get("id"))
                return
            chat = self.world.account(node.jid("recipient"))
            inner.messageContextInfo.MergeFrom(message.messageContextInfo)
            if chat is None:
                log.warning("%r sent a copy for an unknown chat: %s", sender, node.xml())
                return
            self._confirm(sender, node, "sender")
            self.handle_own_copy(sender, self._received(sender, chat.lid, node, inner))
            return
        self._confirm(sender, node, "")
        self.handle_message(sender, self._received(sender, sender.account.lid, node, message))

    def _dispatch_group_message(self, group: Jid, sender: SimDevice, node: Node, message: e2e.Message) -> None:
        if message.HasField("senderKeyDistributionMessage"):
            self.encryption.learn(group, sender, message.senderKeyDistributionMessage)
            message.ClearField("senderKeyDistributionMessage")
            if all(part.name == "messageContextInfo" for part, _ in message.ListFields()):
                return  # the key only; the content is in the part that all members got
        own = sender.account is self.account
        self._confirm(sender, node, "sender" if own else "")
        received = self._received(sender, group, node, message)
        if own:
            self.handle_own_copy(sender, received)
        else:
            self.handle_message(sender, received)

    def _received(self, sender: SimDevice, chat: Jid, node: Node, message: e2e.Message) -> ReceivedMessage:
        time = datetime.fromtimestamp(int(node.get("t") or 0), UTC)
        received = ReceivedMessage(
            node.get("id"), time, chat, sender.lid, message, summarise(message), self.world.media
        )
        return self.secrets.open(received)

    def _confirm(self, sender: SimDevice, node: Node, kind: str) -> None:
        self.send_receipt(_group_of(node) or sender.lid, [node.get("id")], kind, author=sender.lid)

    def send_receipt(self, to: Jid, ids: Iterable[str], kind: str, *, author: Jid | None = None) -> None:
        """Send a receipt; ``kind`` empty: delivered. In groups it must name the ``author`` of the messages."""
        first, *rest = ids
        attrs: dict[str, Attr] = {"id": first, "to": to, "t": self.world.now()}
        if kind:
            attrs["type"] = kind
        if author is not None and not to.is_person:
            attrs["participant"] = author
        listed = [Node("list", {}, [Node("item", {"id": other}) for other in rest])] if rest else None
        self._submit(Node("receipt", attrs, listed))

    def _ask_again(self, sender: SimDevice, node: Node) -> None:
        """Send a retry receipt with fresh keys, so that the sender makes a new session."""
        message_id = node.get("id")
        count = self._retries[message_id] = self._retries.get(message_id, 0) + 1
        if count >= _MAX_RETRIES:
            log.warning("%r gives up on message %s", self.device, message_id)
            return
        retry = Node("retry", {"count": str(count), "id": message_id, "t": node.get("t"), "v": "1"})
        attrs: dict[str, Attr] = {"id": message_id, "to": sender.lid, "type": "retry"}
        if isinstance(recipient := node.attrs.get("recipient"), Jid):
            attrs["recipient"] = recipient
        if (group := _group_of(node)) is not None:
            attrs |= {"to": group, "participant": sender.lid}
        self._submit(Node("receipt", attrs, [retry, *self.encryption.fresh_keys()]))

    def _receive_receipt(self, node: Node) -> None:
        sender = node.jid("participant") or node.jid("from") or self.account.lid
        listed = node.path("list")
        ids = (node.get("id"), *(item.get("id") for item in (listed.children("item") if listed else ())))
        time = datetime.fromtimestamp(int(node.get("t") or 0), UTC)
        self.receipts.add(ReceivedReceipt(node.get("type"), ids, sender, time, _group_of(node)))
        if node.get("type") == "retry":
            self._send_again(node)
        device = self.world.device(sender)
        if device is not None and device.account is self.account:
            self.handle_own_receipt(device, node)

    def _send_again(self, node: Node) -> None:
        """Answer a retry receipt: a new session, with the keys it brought or fetched ones, and the message once
        more."""
        retry = node.child("retry")
        target = self.world.device(node.jid("participant") or node.jid("from"))
        sent, to_peer = self._sent.get(node.get("id")), self._peer_messages.get(node.get("id"))
        if retry is None or target is None or (sent is None and to_peer is None):
            log.warning("%r cannot send again: %s", self.device, node.xml())
            return
        count = retry.number("count") or 0
        if count >= _MAX_RETRIES:
            return
        try:
            self.encryption.restart(target, node)
        except SignalError as error:
            log.warning("%r does not send again, the retry receipt is forged: %s", self.device, error)
            return
        if sent is None:
            if to_peer is not None and target.account is self.account:
                self.send_directly(target, to_peer, {"id": node.get("id"), "category": "peer"}, count=count)
            return
        message = sent.message
        attrs: dict[str, Attr] = {"id": sent.id, "t": str(int(sent.time.timestamp())), "device_fanout": "false"}
        if isinstance(sent.chat, GroupState):
            # For this device alone, so not with the sender key, but with the key in it for what comes.
            message = e2e.Message()
            message.CopyFrom(sent.message)
            message.senderKeyDistributionMessage.CopyFrom(self.sender_keys.distribution(sent.chat.jid))
            attrs = {"id": sent.id, "t": attrs["t"], "to": sent.chat.jid, "participant": target.lid}
        elif target.account is self.account:
            message = self._for(target, sent.own_copy())
        else:
            message = self._for(target, message)
        self.send_directly(target, message, attrs, count=count)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock(), UTC)

    # --- what subclasses do with it ---

    @abstractmethod
    def handle_message(self, sender: SimDevice, received: ReceivedMessage) -> None:
        """Somebody wrote to this account."""

    @abstractmethod
    def handle_own_copy(self, sender: SimDevice, received: ReceivedMessage) -> None:
        """Another device of this account wrote to somebody; this is its copy."""

    def handle_peer_message(self, sender: SimDevice, message: e2e.Message, message_id: str) -> None:  # noqa: B027 - for phones only
        """Another device of this account wants something from the phone."""

    def handle_own_receipt(self, device: SimDevice, node: Node) -> None:  # noqa: B027 - for phones only
        """Another device of this account says something about a message to it."""

    @abstractmethod
    def handle_stanza(self, node: Node) -> None:
        """Anything else: presence, chat states, notifications, acks."""


def _group_of(node: Node) -> Jid | None:
    """The group that a stanza comes from; status posts come as from one."""
    origin = node.jid("from")
    return origin if origin is not None and (origin.is_group or origin == STATUS_BROADCAST) else None


def _devices_of(*accounts: SimAccount) -> list[SimDevice]:
    return list(dict.fromkeys(device for account in accounts for device in account.devices.values()))
