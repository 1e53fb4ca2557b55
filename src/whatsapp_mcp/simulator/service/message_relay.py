"""Relaying messages: the server takes one ciphertext per device and never sees more (whatsmeow send.go, message.go,
retry.go)."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict
from typing import Protocol

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.device_identity import ForgedIdentityError, check_device_identity
from whatsapp_mcp.simulator.service.router import Reply, Router
from whatsapp_mcp.simulator.service.usync import verified_name_node
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)

_REMEMBERED_IDS = 10_000
_END_OF_TIME = 253_402_300_800
"""Seconds from 1970 to the year 10000, which calendars do not have."""
_NOT_RELAYED = {"participants", "enc", "device-identity", "tctoken", "cstoken", "reporting"}
"""Children that are for the server or belong to one ciphertext; the rest (``meta``, ``bot`` …) goes to every
receiver."""


class ChatKind(Protocol):
    """Messages to chats that are not between two people: by the server part of the address."""

    def refusal(self, sender: SimDevice, node: Node, to: Jid) -> int | None:
        """The error of a message that cannot be relayed, ``None`` for one that can."""

    def relay(self, sender: SimDevice, node: Node, to: Jid) -> None:
        """Pass on a message that was not refused."""

    def ack_attributes(self, sender: SimDevice, node: Node, to: Jid) -> dict[str, Attr]:
        """What the ack says in addition."""


class SimMessages:
    """``<message>`` from clients and from simulated people: 1:1 here, other kinds of chats by :attr:`kinds`."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults
        self._seen: OrderedDict[tuple[SimDevice, str, str], None] = OrderedDict()
        self._shown: set[tuple[SimDevice, SimAccount | Jid]] = set()
        """Devices, and to whom or to which chat they showed their identity."""
        self.kinds: dict[str, ChatKind] = {}
        """By the server part of the address (``g.us``)."""

    def register(self, router: Router) -> None:
        router.on_stanza("message", self._receive)

    def _receive(self, sender: SimDevice, node: Node, reply: Reply) -> None:
        to = node.jid("to")
        if to is None or not node.get("id"):
            log.warning("%r sent a message without address or id: %s", sender, node.xml())
            return
        addressee = self._world.account(to)
        if addressee is not None and addressee is not sender.account:
            sender.note_form(addressee, to)
        error = self._faults.ack_error.take() if not sender.is_local else None
        kind = self.kinds.get(to.server)
        if error is None:
            error = kind.refusal(sender, node, to) if kind else self._refusal(sender, node, to)
        if error is None and not self._is_signed(sender, node, self._world.account(to) or to):
            error = 400
        if error is None and not self._already_seen(sender, node):
            if kind:
                kind.relay(sender, node, to)
            else:
                self._relay(sender, node, to)
        self._acknowledge(sender, node, to, error, reply)

    def _is_signed(self, sender: SimDevice, node: Node, to: SimAccount | Jid) -> bool:
        """Whether a linked device shows who it is, where it must: with the first message that starts a session in a
        chat. Who knows it from there takes its answer to a retry receipt without (zapo-js WaRetryCoordinator.ts)."""
        if sender.is_local:
            return True
        shown = node.child("device-identity")
        if shown is None:
            encrypted = node.children("enc") + [enc for part in addressed_parts(node) for enc in part.children("enc")]
            if (sender, to) in self._shown or all(enc.get("type") != "pkmsg" for enc in encrypted):
                return True
            log.warning("%r starts a session without showing its device identity", sender)
            return False
        try:
            check_device_identity(shown.data, sender)
        except ForgedIdentityError as error:
            log.warning("%r shows a forged device identity: %s", sender, error)
            return False
        self._shown.add((sender, to))
        return True

    def _acknowledge(self, sender: SimDevice, node: Node, to: Jid, error: int | None, reply: Reply) -> None:
        if not sender.is_local and error is None and self._faults.withheld_acks.take():
            return
        attrs: dict[str, Attr] = {"class": "message", "id": node.get("id"), "from": to, "t": self._world.now()}
        if error is not None:
            attrs["error"] = str(error)
        elif to.server in self.kinds:
            attrs |= self.kinds[to.server].ack_attributes(sender, node, to)
        ack = Node("ack", attrs)
        if self._faults.answer_delay > 0 and not sender.is_local:
            asyncio.get_running_loop().call_later(self._faults.answer_delay, reply, ack)
        else:
            reply(ack)

    def _refusal(self, sender: SimDevice, node: Node, to: Jid) -> int | None:
        """The error of a message that cannot be relayed, ``None`` for one that can."""
        if not to.is_person:
            log.warning("messages to %s are not simulated", to)
            return 501
        chat = self._world.account(to)
        if chat is None:
            log.info("%r writes to %s, who is not on WhatsApp", sender, to)
            return 404
        encrypted = node.children("enc") + [enc for to in addressed_parts(node) for enc in to.children("enc")]
        if not encrypted or any(enc.get("v") != "2" or enc.get("type") not in ("pkmsg", "msg") for enc in encrypted):
            log.warning("%r sent a message without usable ciphertext: %s", sender, node.xml())
            return 400
        if node.get("category") == "peer" and chat is not sender.account:
            log.warning("%r sent a peer message to somebody else", sender)
            return 400
        return None

    def _already_seen(self, sender: SimDevice, node: Node) -> bool:
        """A client whose connection broke before the ack sends the same message again; it must arrive once.

        An answer to a retry receipt has the id of the message too, be it for one device or (some clients) for all of
        them once more; but it is encrypted anew.
        """
        if node.get("edit") and node.child("plaintext") is not None:
            return False  # in a newsletter, with the id of what it changes; twice is as good as once
        encrypted = node.children("enc") + [enc for to in addressed_parts(node) for enc in to.children("enc")]
        content = hashlib.sha256(b"".join(enc.data for enc in encrypted)).hexdigest()
        key = sender, node.get("id"), f"{node.get('to')} {node.get('participant')} {content}"
        if key in self._seen:
            log.info("%r sent message %s again", sender, node.get("id"))
            return True
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED_IDS:
            self._seen.popitem(last=False)
        return False

    def _relay(self, sender: SimDevice, node: Node, to: Jid) -> None:
        chat = self._world.account(to)
        if chat is None:
            return
        for addressed in addressed_parts(node):
            target = self._world.device(addressed.jid("jid"))
            if target is None or target.account not in (chat, sender.account):
                log.warning("%r addressed a device that is not in the chat: %s", sender, addressed.get("jid"))
                continue
            for enc in addressed.children("enc"):
                self._deliver(sender, target, node, enc, chat)
        for enc in node.children("enc"):
            # Without <participants>: for exactly one device, a peer message to the phone or an answer to a retry
            # receipt.
            target = self._world.device(to)
            if target is not None:
                self._deliver(sender, target, node, enc, chat)

    def _deliver(self, sender: SimDevice, target: SimDevice, node: Node, enc: Node, chat: SimAccount) -> None:
        if target is sender or sender.account in target.account.blocked:
            return
        pass_on(self._faults, sender, target, node, self._attributes(sender, target, node, chat), [enc])

    def _attributes(self, sender: SimDevice, target: SimDevice, node: Node, chat: SimAccount) -> dict[str, Attr]:
        attrs = relayed_attributes(self._world, sender, node, target.name_of(sender))
        for name in ("category", "push_priority"):
            if node.get(name):
                attrs[name] = node.get(name)
        if target.account is not sender.account:
            other = "sender_pn" if target.uses_lid(sender.account) else "sender_lid"
            attrs[other] = target.other_name_of(sender.account)
        elif node.get("category") != "peer":
            attrs["recipient"] = target.name_of(chat)
            other = "peer_recipient_pn" if target.uses_lid(chat) else "peer_recipient_lid"
            attrs[other] = target.other_name_of(chat)
        return attrs


def time_of(world: World, node: Node) -> str:
    """When a message or receipt was sent: what a client says when it sends again, else now."""
    said = node.number("t")
    return str(said) if said is not None and said < _END_OF_TIME else world.now()


def relayed_attributes(world: World, sender: SimDevice, node: Node, origin: Jid) -> dict[str, Attr]:
    """What the receivers of a message are told of it, whatever kind of chat it is in."""
    attrs: dict[str, Attr] = {
        "from": origin,
        "id": node.get("id"),
        "t": time_of(world, node),
        "type": node.get("type", "text"),
    }
    if sender.account.push_name:
        attrs["notify"] = sender.account.push_name
    if node.get("edit"):
        attrs["edit"] = node.get("edit")
    return attrs


def pass_on(
    faults: Faults, sender: SimDevice, target: SimDevice, node: Node, attrs: dict[str, Attr], encrypted: list[Node]
) -> None:
    """Hand what is ``encrypted`` for one device to it, with what else goes along and what goes wrong on the way."""
    if not target.is_local and faults.corrupted.take():
        last = encrypted[-1]
        damaged = Node(last.tag, last.attrs, last.data[:-1] + bytes([last.data[-1] ^ 0xFF]))
        encrypted = [*encrypted[:-1], damaged]
    content = list(encrypted)
    identity = node.child("device-identity")
    if identity is not None and any(enc.get("type") == "pkmsg" for enc in encrypted):
        content.append(identity)
    content += [child for child in node.children() if child.tag not in _NOT_RELAYED]
    if sender.account.business_name is not None:
        content.append(verified_name_node(sender.account.business_name))
    relayed = Node("message", attrs, content)
    target.deliver(relayed)
    if not target.is_local and faults.duplicated.take():
        target.deliver(relayed)


def addressed_parts(node: Node) -> list[Node]:
    """The ``<to jid>`` elements of a message."""
    participants = node.child("participants")
    return participants.children("to") if participants else []
