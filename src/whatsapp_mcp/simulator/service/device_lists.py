"""Telling everybody that the list of an account's devices changed (whatsmeow notification.go)."""

from __future__ import annotations

from whatsapp_mcp.simulator.service.router import notification
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Node


class DeviceLists:
    """Says that a list is stale; clients then ask ``usync`` for it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def changed(self, device: SimDevice) -> None:
        """``device`` was linked or unlinked."""
        account = device.account
        for other in self._world.accounts:
            for receiver in other.devices.values():
                if not receiver.is_local and receiver is not device:
                    receiver.deliver(self._notice(account, own=other is account))

    def _notice(self, account: SimAccount, *, own: bool) -> Node:
        if own:
            # The hash is deliberately not that of the list: the client drops its cache and asks.
            listed = [Node("device", {"jid": device.lid}) for device in account.devices.values()]
            devices = Node("devices", {"dhash": "2:changed"}, listed)
            return notification(self._world, account.lid, "account_sync", devices)
        return notification(self._world, account.lid, "devices", Node("update"))
