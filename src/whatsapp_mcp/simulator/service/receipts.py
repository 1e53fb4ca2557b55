"""Receipts: what happened to a message at the other end (whatsmeow receipt.go, retry.go)."""

from __future__ import annotations

import logging
from collections.abc import Callable

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.groups.group_messages import GroupReceipts
from whatsapp_mcp.simulator.service.router import Reply, Router
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)

_READ = {"read", "read-self", "played", "played-self"}
_PRIVATE = {"sender", "read-self", "played-self"}
"""Never shown to the other person."""
_DELIVERED = "delivery"
"""Some clients write out what no type at all says. Passed on, it would be a type that whatsmeow does not know (neonize
0.5.2: its event loop ends)."""


class Receipts:
    """``<receipt>`` from clients and from simulated people."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._groups = GroupReceipts(world)
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
            self._groups.relay(sender, node, to)
            return
        chat = self._world.account(to)
        if chat is None:
            log.info("%r sent a receipt to %s, who is not on WhatsApp", sender, to)
        elif kind == "retry":
            self._relay_retry(sender, node)
        elif chat is not sender.account:
            self._relay(sender, node, chat)
        elif kind in ("peer_msg", "hist_sync"):
            self._send(sender, node, chat.devices.get(0))

    def _relay(self, sender: SimDevice, node: Node, chat: SimAccount) -> None:
        kind = node.get("type")
        if kind in _READ:
            # The account's other devices learn what was read where.
            for other in sender.account.others(sender):
                self._send(sender, node, other, {"recipient": chat.lid})
        if kind in _PRIVATE or sender.account in chat.blocked:
            return
        if kind == "read" and "none" in (sender.account.privacy["readreceipts"], chat.privacy["readreceipts"]):
            return
        for device in list(chat.devices.values()):
            self._send(sender, node, device)

    def _relay_retry(self, sender: SimDevice, node: Node) -> None:
        target = self._world.device(node.jid("to"))
        if target is None:
            log.info("%r asks %s, which does not exist, to send a message again", sender, node.get("to"))
            return
        extra: dict[str, Attr] = {name: node.attrs[name] for name in ("recipient", "category") if name in node.attrs}
        self._send(sender, node, target, extra)

    def _send(
        self, sender: SimDevice, node: Node, target: SimDevice | None, extra: dict[str, Attr] | None = None
    ) -> None:
        if target is None:
            return
        attrs: dict[str, Attr] = {
            "from": sender.lid,
            "id": node.get("id"),
            "t": node.get("t") if node.get("t").isdigit() else self._world.now(),
            **(extra or {}),
        }
        if node.get("type"):
            attrs["type"] = node.get("type")
        target.deliver(Node("receipt", attrs, node.content))
