"""How the messages of a simulated device are encrypted: with its sessions, and in groups with sender keys, too."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.content.stanza_kind import is_hidden_when_unreadable, stanza_kind
from whatsapp_mcp.simulator.service.prekeys import PreKeys, key_nodes, parse_bundle, registration_node
from whatsapp_mcp.simulator.signal import SignalDevice, SignalError, pad, unpad
from whatsapp_mcp.simulator.signal.sender_keys import SenderKeys
from whatsapp_mcp.simulator.state.accounts import PreKeyBundle, SimDevice
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.protos import e2e

log = logging.getLogger(__name__)


class Encryption:
    """Makes and opens the ``<enc>`` elements of one device."""

    def __init__(self, signal: SignalDevice, sender_keys: SenderKeys) -> None:
        self._signal = signal
        self._sender_keys = sender_keys

    def for_device(self, target: SimDevice, message: e2e.Message) -> Node:
        """A message that one device can read; without a session one is started."""
        enc = self.bytes_for_device(target, message.SerializeToString())
        return _marked(enc, message)

    def bytes_for_device(self, target: SimDevice, content: bytes) -> Node:
        """The same with any bytes."""
        if not self._signal.has_session(target.address):
            self.start_session(target)
        kind, ciphertext = self._signal.encrypt(target.address, pad(content))
        return Node("enc", {"v": "2", "type": kind}, ciphertext)

    def start_session(self, target: SimDevice, bundle: PreKeyBundle | None = None) -> None:
        """With these keys, or with those that the server hands out. Raises SignalError when they are forged."""
        self._signal.start_session(target.address, bundle or PreKeys.take(target))

    def addressed(self, target: SimDevice, message: e2e.Message) -> Node:
        """The same in the ``<to>`` that names the device."""
        return Node("to", {"jid": target.lid}, [self.for_device(target, message)])

    def for_group(self, group: Jid, others: Iterable[SimDevice], message: e2e.Message) -> list[Node]:
        """A message once for all, after the key for those of the other devices that do not have it."""
        newcomers = self._sender_keys.prepare(group, others)
        # Taken before the message is encrypted: the key can read only what comes after it.
        distribution = e2e.Message(senderKeyDistributionMessage=self._sender_keys.distribution(group))
        keys = [self.addressed(target, distribution) for target in newcomers]
        ciphertext = self._sender_keys.encrypt(group, pad(message.SerializeToString()))
        shared = _marked(Node("enc", {"v": "2", "type": "skmsg"}, ciphertext), message)
        return [Node("participants", {}, keys), shared] if keys else [shared]

    def open(self, sender: SimDevice, group: Jid | None, enc: Node) -> e2e.Message:
        """What is in an ``<enc>``.

        Raises:
            DuplicateMessageError: decrypted before.
            SignalError: it cannot be decrypted.
            DecodeError: it is no message.
        """
        if group is not None and enc.get("type") == "skmsg":
            padded = self._sender_keys.decrypt(group, sender, enc.data)
        else:
            padded = self._signal.decrypt(sender.address, enc.get("type"), enc.data)
        return e2e.Message.FromString(unpad(padded))

    def learn(self, group: Jid, sender: SimDevice, handed_out: e2e.SenderKeyDistributionMessage) -> None:
        """Take the sender key of another device."""
        try:
            self._sender_keys.learn(group, sender, handed_out.axolotlSenderKeyDistributionMessage)
        except SignalError as error:
            log.warning("%r sent a sender key for %s that is none: %s", sender, group, error)

    # --- retry receipts ---

    def fresh_keys(self) -> list[Node]:
        """What a retry receipt says of this device, so that its receiver can start a session."""
        bundle = self._signal.bundle()
        return [registration_node(bundle), Node("keys", {}, key_nodes(bundle))]

    def restart(self, target: SimDevice, receipt: Node) -> None:
        """Start a session with the keys that a retry receipt brought, or with fetched ones.

        Raises:
            SignalError: the keys are forged.
        """
        keys = receipt.child("keys")
        bundle = parse_bundle(receipt.child("registration"), keys) if keys else None
        self.start_session(target, bundle if bundle is not None and bundle.identity == target.identity else None)


def _marked(enc: Node, message: e2e.Message) -> Node:
    """With the media type, which stands beside the ciphertext for the server."""
    if media_type := stanza_kind(message)[1]:
        enc.attrs["mediatype"] = media_type
    if is_hidden_when_unreadable(message):
        enc.attrs["decrypt-fail"] = "hide"
    return enc
