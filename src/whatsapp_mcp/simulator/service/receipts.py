"""Receipts: what happened to a message at the other end (whatsmeow receipt.go, retry.go)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.message_relay import time_of
from whatsapp_mcp.simulator.service.router import Reply, Router
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)

_READ = {"read", "read-self", "played", "played-self"}
PRIVATE = {"sender", "read-self", "played-self"}
"""Never shown to the other person."""
_FOR_THE_PHONE = ("peer_msg", "hist_sync", "server-error")
_DELIVERED = "delivery"
"""Some clients write out what no type at all says. Passed on, it would be a type that whatsmeow does not know (neonize
0.5.2: its event loop ends)."""


class Receipts:
    """``<receipt>`` from clients and from simulated people."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.kinds: dict[str, Callable[[SimDevice, Node, Jid], None]] = {}
        """Who takes receipts about other kinds of chats, by the server part of the address."""

    def register(self, router: Router) -> None:
        router.on_stanza("receipt", self._receive)

    def _receive(self, sender: SimDevice, node: Node, reply: Reply) -> None:
        to, kind = node.jid("to"), node.get("type")
        if to is None or not node.get("id"):
            log.warning("%r sent a receipt without address or id: %s", sender, node.xml())
            return
        attrs: dict[str, Attr] = {"class": "receipt", "id": node.get("id"), "from": to}
        for name in ("type", "participant"):
            if name in node.attrs:
                attrs[name] = node.attrs[name]
        reply(Node("ack", attrs))
        if kind != "retry":
            sender.confirm("message", node)
        if kind == _DELIVERED:
            node = Node(node.tag, {name: value for name, value in node.attrs.items() if name != "type"}, node.content)
        if to.server in self.kinds:
            self.kinds[to.server](sender, node, to)
            return
        if to.is_group:
            self._relay_in_group(sender, node, to)
            return
        chat = self._world.account(to)
        if chat is None:
            log.info("%r sent a receipt to %s, who is not on WhatsApp", sender, to)
        elif kind == "retry":
            self._relay_retry(sender, node)
        elif chat is not sender.account:
            hides = kind == "read" and "none" in (sender.account.privacy["readreceipts"], chat.privacy["readreceipts"])
            told = None if hides or sender.account in chat.blocked else chat
            self._relay(sender, node, told, lambda target: {"from": target.name_of(sender)}, chat)
        elif kind in _FOR_THE_PHONE and 0 in chat.devices:
            category: dict[str, Attr] = {"category": node.get("category")} if node.get("category") else {}
            chat.devices[0].deliver(receipt_node(self._world, node, {"from": sender.lid, **category}))

    def _relay_in_group(self, reader: SimDevice, node: Node, to: Jid) -> None:
        """``<receipt to=GROUP participant=AUTHOR>``: goes to the author of the message, from the group."""
        group, author = self._world.groups.get(to), node.jid("participant")
        if group is None or reader.account not in group.members:
            log.info("%r sent a receipt to %s, where it is not a member", reader, to)
            return
        origin: dict[str, Attr] = {"from": group.jid, "participant": group.name_of_device(reader)}
        account, device = self._world.account(author), self._world.device(author)
        if node.get("type") == "retry" and device is not None:
            device.deliver(receipt_node(self._world, node, origin))
        elif node.get("type") == "retry" or account is None:
            log.info("%r sent a receipt for a message of nobody: %s", reader, node.xml())
        else:
            self._relay(reader, node, account, lambda target: origin, group.name_of(account))

    def _relay(
        self,
        reader: SimDevice,
        node: Node,
        author: SimAccount | None,
        origin: Callable[[SimDevice], dict[str, Attr]],
        chat: SimAccount | Jid,
    ) -> None:
        """Tell the author of a message (``None``: may not know), and the reader's other devices what was read where.

        ``origin``: whom a device is told that the receipt comes from.
        """
        if node.get("type") in _READ:
            for other in reader.account.others(reader):
                place = chat if isinstance(chat, Jid) else other.name_of(chat)
                other.deliver(receipt_node(self._world, node, {**origin(other), "recipient": place}))
        if author is None or author is reader.account or node.get("type") in PRIVATE:
            return
        for device in list(author.devices.values()):
            device.deliver(receipt_node(self._world, node, origin(device)))

    def _relay_retry(self, sender: SimDevice, node: Node) -> None:
        target = self._world.device(node.jid("to"))
        if target is None:
            log.info("%r asks %s, which does not exist, to send a message again", sender, node.get("to"))
            return
        extra: dict[str, Attr] = {name: node.attrs[name] for name in ("recipient", "category") if name in node.attrs}
        target.deliver(receipt_node(self._world, node, {"from": target.name_of(sender), **extra}))


def receipt_node(world: World, node: Node, origin: dict[str, Attr]) -> Node:
    """A receipt as it is passed on; ``origin``: whom it comes from, as its receiver names them."""
    kind: dict[str, Attr] = {"type": node.get("type")} if node.get("type") else {}
    return Node("receipt", {**origin, "id": node.get("id"), "t": time_of(world, node), **kind}, node.content)
