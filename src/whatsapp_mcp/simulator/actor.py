"""A device that lives in this process: what a phone of the account and the phones of its contacts have in common.

It talks to the server in stanzas like any client and has its own Signal sessions; it only needs no socket.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from google.protobuf.message import DecodeError

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.prekeys import PreKeys, parse_prekey, parse_signed_prekey
from whatsapp_mcp.simulator.record import Record
from whatsapp_mcp.simulator.router import Router
from whatsapp_mcp.simulator.signal import DuplicateMessageError, PreKeyBundle, SignalDevice, SignalError, pad, unpad
from whatsapp_mcp.simulator.summary import ReceivedMessage, summarise
from whatsapp_mcp.simulator.world import Account, Device, SignedPreKey, World
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import e2e

__all__ = ["ReceivedReceipt", "SentMessage", "SimulatedDevice"]

log = logging.getLogger(__name__)

_REMEMBERED_MESSAGES = 1000
_MAX_RETRIES = 5


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message as it was sent: ``id`` is what replies, reactions, edits and receipts refer to."""

    id: str
    time: datetime
    chat: Account
    message: e2e.Message


@dataclass(frozen=True, slots=True)
class ReceivedReceipt:
    """What somebody's device says about messages of ours."""

    kind: str
    """Empty: delivered; else ``read``, ``played``, ``inactive`` (delivered to a client that is not in front),
    ``retry`` …"""
    ids: tuple[str, ...]
    sender: Jid
    time: datetime


class SimulatedDevice(ABC):
    """The phone (device 0) of an account."""

    def __init__(self, world: World, router: Router, account: Account) -> None:
        self.world = world
        self.account = account
        self.signal = SignalDevice()
        self.receipts: Record[ReceivedReceipt] = Record("receipt")
        """Receipts for messages that this device sent."""
        self.connected = True
        """Whether it has a network; what comes meanwhile is handled when it is back."""
        self._router = router
        self._postponed: list[Node] = []
        self._sent: OrderedDict[str, SentMessage] = OrderedDict()
        self._retries: dict[str, int] = {}
        bundle = self.signal.bundle(one_time=False)
        signed = SignedPreKey(bundle.signed_prekey_id, bundle.signed_prekey_public, bundle.signed_prekey_signature)
        self.device = Device(
            account, 0, identity=bundle.identity_public, registration_id=bundle.registration_id, signed_prekey=signed
        )
        self.device.more_prekeys = self._new_prekey
        self.device.link = self
        account.devices[0] = self.device

    def _new_prekey(self) -> tuple[int, bytes]:
        bundle = self.signal.bundle()
        if bundle.prekey_id is None or bundle.prekey_public is None:
            raise RuntimeError("a bundle with a one-time prekey has none")
        return bundle.prekey_id, bundle.prekey_public

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
            else:
                self.handle_stanza(node)
        except Exception:
            log.exception("%r cannot handle %s", self.device, node.xml())

    # --- sending ---

    def send_message(
        self, chat: Account, message: e2e.Message, *, kind: str = "text", edit: str = "", message_id: str | None = None
    ) -> SentMessage:
        """Encrypt a message for every device of ``chat`` and of the own account, and send it.

        ``kind`` is the stanza's type (``text``, ``media``, ``reaction``, ``poll``), ``edit`` its edit attribute
        (``1`` edit, ``7`` revoke).
        """
        sent = SentMessage(message_id or self.world.new_id(), self._now(), chat, message)
        self._sent[sent.id] = sent
        if len(self._sent) > _REMEMBERED_MESSAGES:
            self._sent.popitem(last=False)
        own_copy = e2e.Message()
        own_copy.deviceSentMessage.destinationJID = str(chat.lid)
        own_copy.deviceSentMessage.message.CopyFrom(message)
        addressed = []
        for target in _devices_of(chat, self.account):
            if target is not self.device:
                content = message if target.account is chat and chat is not self.account else own_copy
                addressed.append(Node("to", {"jid": target.lid}, [self._encrypt(target, content)]))
        attrs: dict[str, Attr] = {"id": sent.id, "to": chat.lid, "type": kind}
        if edit:
            attrs["edit"] = edit
        if addressed:
            self._submit(Node("message", attrs, [Node("participants", {}, addressed)]))
        return sent

    def send_directly(self, target: Device, message: e2e.Message, attrs: dict[str, Attr], *, count: int = 0) -> None:
        """Send to one device only: a peer message to an own device, or an answer to a retry receipt (its ``count``)."""
        enc = self._encrypt(target, message)
        if count:
            enc.attrs["count"] = str(count)
        self._submit(Node("message", {"to": target.lid, "type": "text", **attrs}, [enc]))

    def _encrypt(self, target: Device, message: e2e.Message) -> Node:
        if not self.signal.has_session(target.address):
            self._start_session(target)
        kind, ciphertext = self.signal.encrypt(target.address, pad(message.SerializeToString()))
        return Node("enc", {"v": "2", "type": kind}, ciphertext)

    def _start_session(self, target: Device) -> None:
        taken = PreKeys.take(target)
        bundle = PreKeyBundle(
            registration_id=taken.registration_id,
            identity_public=taken.identity,
            signed_prekey_id=taken.signed_prekey.id,
            signed_prekey_public=taken.signed_prekey.public,
            signed_prekey_signature=taken.signed_prekey.signature,
            prekey_id=taken.one_time[0] if taken.one_time else None,
            prekey_public=taken.one_time[1] if taken.one_time else None,
        )
        self.signal.start_session(target.address, bundle)

    # --- receiving ---

    def _receive_message(self, node: Node) -> None:
        sender = self.world.device(node.jid("from"))
        if sender is None:
            log.warning("%r got a message from nobody: %s", self.device, node.xml())
            return
        for enc in node.children("enc"):
            try:
                plaintext = unpad(self.signal.decrypt(sender.address, enc.get("type"), enc.data))
                message = e2e.Message.FromString(plaintext)
            except DuplicateMessageError:
                log.info("%r got message %s twice", self.device, node.get("id"))
                continue
            except (SignalError, DecodeError) as error:
                log.info("%r cannot decrypt %s from %r: %s", self.device, node.get("id"), sender, error)
                self._ask_again(sender, node)
                continue
            self._retries.pop(node.get("id"), None)
            self._dispatch_message(sender, node, message)

    def _dispatch_message(self, sender: Device, node: Node, message: e2e.Message) -> None:
        if sender.account is self.account:
            if node.get("category") == "peer":
                self._confirm(sender, node, "peer_msg")
                self.handle_peer_message(sender, message)
                return
            chat = self.world.account(node.jid("recipient"))
            inner = message.deviceSentMessage.message if message.HasField("deviceSentMessage") else message
            if chat is None:
                log.warning("%r sent a copy for an unknown chat: %s", sender, node.xml())
                return
            self._confirm(sender, node, "sender")
            self.handle_own_copy(sender, self._received(sender, chat, node, inner))
            return
        self._confirm(sender, node, "")
        self.handle_message(sender, self._received(sender, sender.account, node, message))

    def _received(self, sender: Device, chat: Account, node: Node, message: e2e.Message) -> ReceivedMessage:
        time = datetime.fromtimestamp(int(node.get("t") or 0), UTC)
        return ReceivedMessage(node.get("id"), time, chat.lid, sender.lid, message, summarise(message))

    def _confirm(self, sender: Device, node: Node, kind: str) -> None:
        self.send_receipt(sender.lid, [node.get("id")], kind)

    def send_receipt(self, to: Jid, ids: Iterable[str], kind: str) -> None:
        """Send a receipt; ``kind`` empty: delivered."""
        first, *rest = ids
        attrs: dict[str, Attr] = {"id": first, "to": to, "t": self.world.now()}
        if kind:
            attrs["type"] = kind
        listed = [Node("list", {}, [Node("item", {"id": other}) for other in rest])] if rest else None
        self._submit(Node("receipt", attrs, listed))

    def _ask_again(self, sender: Device, node: Node) -> None:
        """Send a retry receipt with fresh keys, so that the sender makes a new session."""
        message_id = node.get("id")
        count = self._retries[message_id] = self._retries.get(message_id, 0) + 1
        if count >= _MAX_RETRIES:
            log.warning("%r gives up on message %s", self.device, message_id)
            return
        bundle = self.signal.bundle()
        keys = [
            Node("type", {}, b"\x05"),
            Node("identity", {}, bundle.identity_public),
            _key_node("key", bundle.prekey_id or 0, bundle.prekey_public or b""),
            _key_node("skey", bundle.signed_prekey_id, bundle.signed_prekey_public, bundle.signed_prekey_signature),
        ]
        retry = Node("retry", {"count": str(count), "id": message_id, "t": node.get("t"), "v": "1"})
        registration = Node("registration", {}, bundle.registration_id.to_bytes(4, "big"))
        attrs: dict[str, Attr] = {"id": message_id, "to": sender.lid, "type": "retry"}
        if isinstance(recipient := node.attrs.get("recipient"), Jid):
            attrs["recipient"] = recipient
        self._submit(Node("receipt", attrs, [retry, registration, Node("keys", {}, keys)]))

    def _receive_receipt(self, node: Node) -> None:
        sender = node.jid("from") or self.account.lid
        listed = node.path("list")
        ids = (node.get("id"), *(item.get("id") for item in (listed.children("item") if listed else ())))
        time = datetime.fromtimestamp(int(node.get("t") or 0), UTC)
        self.receipts.add(ReceivedReceipt(node.get("type"), ids, sender, time))
        if node.get("type") == "retry":
            self._send_again(node)

    def _send_again(self, node: Node) -> None:
        """Answer a retry receipt: a new session, with the keys it brought or fetched ones, and the message once
        more."""
        retry, keys = node.child("retry"), node.child("keys")
        target, sent = self.world.device(node.jid("from")), self._sent.get(node.get("id"))
        if retry is None or target is None or sent is None:
            log.warning("%r cannot send again: %s", self.device, node.xml())
            return
        count = int(retry.get("count") or 0)
        if count >= _MAX_RETRIES:
            return
        bundle = _bundle_from_retry(node, keys) if keys else None
        if bundle is not None and bundle.identity_public == target.identity:
            self.signal.start_session(target.address, bundle)
        else:
            self._start_session(target)
        message = sent.message
        attrs: dict[str, Attr] = {"id": sent.id, "t": str(int(sent.time.timestamp())), "device_fanout": "false"}
        if target.account is self.account:
            message = e2e.Message()
            message.deviceSentMessage.destinationJID = str(sent.chat.lid)
            message.deviceSentMessage.message.CopyFrom(sent.message)
        self.send_directly(target, message, attrs, count=count)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self.world.clock(), UTC)

    # --- what subclasses do with it ---

    @abstractmethod
    def handle_message(self, sender: Device, received: ReceivedMessage) -> None:
        """Somebody wrote to this account."""

    @abstractmethod
    def handle_own_copy(self, sender: Device, received: ReceivedMessage) -> None:
        """Another device of this account wrote to somebody; this is its copy."""

    def handle_peer_message(self, sender: Device, message: e2e.Message) -> None:  # noqa: B027 - for phones only
        """Another device of this account wants something from the phone."""

    @abstractmethod
    def handle_stanza(self, node: Node) -> None:
        """Anything else: presence, chat states, notifications, acks."""


def _devices_of(*accounts: Account) -> list[Device]:
    return list(dict.fromkeys(device for account in accounts for device in account.devices.values()))


def _key_node(tag: str, key_id: int, public: bytes, signature: bytes | None = None) -> Node:
    content = [Node("id", {}, key_id.to_bytes(3, "big")), Node("value", {}, public)]
    if signature is not None:
        content.append(Node("signature", {}, signature))
    return Node(tag, {}, content)


def _bundle_from_retry(node: Node, keys: Node) -> PreKeyBundle | None:
    registration, identity = node.child("registration"), keys.child("identity")
    signed, one_time = parse_signed_prekey(keys.child("skey")), parse_prekey(keys.child("key"))
    if registration is None or identity is None or signed is None:
        return None
    return PreKeyBundle(
        registration_id=int.from_bytes(registration.data, "big"),
        identity_public=identity.data,
        signed_prekey_id=signed.id,
        signed_prekey_public=signed.public,
        signed_prekey_signature=signed.signature,
        prekey_id=one_time[0] if one_time else None,
        prekey_public=one_time[1] if one_time else None,
    )
