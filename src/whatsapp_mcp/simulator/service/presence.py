"""Who is online, and who is typing (whatsmeow presence.go). Nothing of this is kept for devices that are offline."""

from __future__ import annotations

import logging

from whatsapp_mcp.simulator.service.groups.group_messages import relay_chat_state
from whatsapp_mcp.simulator.service.router import Reply, Router
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)


class Presence:
    """``<presence>`` and ``<chatstate>``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, router: Router) -> None:
        router.on_stanza("presence", self._receive)
        router.on_stanza("chatstate", self._receive_chat_state)

    def _receive(self, device: SimDevice, node: Node, reply: Reply) -> None:
        kind = node.get("type", "available")
        if kind in ("available", "unavailable"):
            if node.get("name") and not device.is_local:
                device.account.push_name = node.get("name")
            self.set_available(device, available=kind == "available")
        elif kind in ("subscribe", "unsubscribe"):
            target = self._world.account(node.jid("to"))
            if target is None:
                log.info("%r subscribes to the presence of %s, who is not on WhatsApp", device, node.get("to"))
            elif kind == "unsubscribe":
                target.presence_subscribers.discard(device)
            else:
                target.presence_subscribers.add(device)
                self._tell(device, target)
        else:
            log.warning("%r sent an unknown presence: %s", device, node.xml())

    def set_available(self, device: SimDevice, *, available: bool) -> None:
        """A device came online or went offline; whoever subscribed to its account is told when that changes
        anything."""
        account = device.account
        before = account.available
        device.available = available
        if before == account.available:
            return
        if not account.available:
            account.last_seen = self._world.clock()
        for subscriber in list(account.presence_subscribers):
            self._tell(subscriber, account)

    def device_offline(self, device: SimDevice) -> None:
        """The device lost its connection: it is not available and its subscriptions end."""
        for account in self._world.accounts:
            account.presence_subscribers.discard(device)
        self.set_available(device, available=False)

    def _tell(self, subscriber: SimDevice, account: SimAccount) -> None:
        """Presence reaches only devices that are connected; it is never queued."""
        if subscriber.link is None:
            return
        attrs: dict[str, Attr] = {"from": subscriber.name_of(account)}
        if not (account.available and account.shows_to("last", subscriber.account)):
            attrs["type"] = "unavailable"
            visible = account.last_seen is not None and account.shows_to("last", subscriber.account)
            attrs["last"] = str(int(account.last_seen or 0)) if visible else "deny"
        subscriber.link.send(Node("presence", attrs))

    def _receive_chat_state(self, device: SimDevice, node: Node, reply: Reply) -> None:
        to = node.jid("to")
        target = self._world.account(to)
        states = node.children()
        if len(states) != 1 or states[0].tag not in ("composing", "paused"):
            log.warning("%r sent an unknown chat state: %s", device, node.xml())
            return
        if to is not None and to.is_group:
            relay_chat_state(self._world, device, to, states[0])
            return
        if target is None or device.account in target.blocked:
            return
        for receiver in list(target.devices.values()):
            if receiver.link is not None:
                receiver.link.send(Node("chatstate", {"from": receiver.name_of(device.account)}, [states[0]]))
