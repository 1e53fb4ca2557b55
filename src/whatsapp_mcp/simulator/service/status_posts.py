"""Status updates: posts that everybody who knows somebody sees for a day. They are messages to ``status@broadcast``.

Encrypted as in groups, with a sender key; the message names every device that it is for (whatsmeow broadcast.go,
send.go: sendGroup, message.go: parseMessageSource).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.simulator.service.message_relay import addressed_parts, pass_on, relayed_attributes
from whatsapp_mcp.simulator.service.receipts import PRIVATE, receipt_node
from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.simulator.state.groups import GroupState
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)


class StatusAudience(GroupState):
    """Whom one status post is for; written to like a group."""

    @classmethod
    def of(cls, author: SimAccount, audience: Iterable[SimAccount]) -> StatusAudience:
        chat = cls(STATUS_BROADCAST.user, "status", author, 0, 0, author, "")
        chat.members = dict.fromkeys([author, *audience], "member")
        return chat

    @property
    def jid(self) -> Jid:
        return STATUS_BROADCAST


class StatusPosts:
    """Messages and receipts of ``status@broadcast``, and who may see an account's posts."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults

    def register(self, router: Router) -> None:
        router.on_iq("status", "get", self._privacy)

    def _privacy(self, device: SimDevice, node: Node) -> Sequence[Node]:
        if node.child("privacy") is None:
            raise IqError(501, "feature-not-implemented")
        return [Node("privacy", {}, [Node("list", {"type": "contacts", "default": "true"})])]

    # --- messages (see message_relay.ChatKind) ---

    def refusal(self, sender: SimDevice, node: Node, to: Jid) -> int | None:
        if to != STATUS_BROADCAST:
            log.warning("broadcast lists are not simulated: %s", node.xml())
            return 501
        encrypted = node.children("enc")
        alone = "participant" in node.attrs
        if not encrypted or any(enc.get("v") != "2" or (enc.get("type") == "skmsg") == alone for enc in encrypted):
            log.warning("%r sent a status without usable ciphertext: %s", sender, node.xml())
            return 400
        return None

    def relay(self, sender: SimDevice, node: Node, to: Jid) -> None:
        shared = node.children("enc")
        if "participant" in node.attrs:
            self._deliver(sender, self._world.device(node.jid("participant")), node, shared)
            return
        for addressed in addressed_parts(node):
            target = self._world.device(addressed.jid("jid"))
            self._deliver(sender, target, node, [*addressed.children("enc"), *shared])

    def _deliver(self, sender: SimDevice, target: SimDevice | None, node: Node, encrypted: list[Node]) -> None:
        if target is None or target is sender or sender.account in target.account.blocked:
            return
        attrs = relayed_attributes(self._world, sender, node, STATUS_BROADCAST)
        attrs |= {"participant": sender.lid, "participant_pn": sender.pn, "addressing_mode": "lid"}
        pass_on(self._faults, sender, target, node, attrs, encrypted)

    def ack_attributes(self, sender: SimDevice, node: Node, to: Jid) -> dict[str, Attr]:
        return {}

    def receipt(self, reader: SimDevice, node: Node, to: Jid) -> None:
        """Tell the author of a post that somebody got or saw it."""
        author, kind = node.jid("participant"), node.get("type")
        account = self._world.account(author)
        if account is None or account is reader.account or kind in PRIVATE:
            return
        told = receipt_node(self._world, node, {"from": STATUS_BROADCAST, "participant": reader.lid})
        targets = [self._world.device(author)] if kind == "retry" else list(account.devices.values())
        for target in targets:
            if target is not None:
                target.deliver(told)
