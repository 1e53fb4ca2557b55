"""Telling everybody that the list of an account's devices changed (whatsmeow notification.go)."""

from __future__ import annotations

from whatsapp_mcp.simulator.service.groups.group_messages import participant_hash
from whatsapp_mcp.simulator.service.router import notification
from whatsapp_mcp.simulator.service.usync import key_index_nodes
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node


class DeviceLists:
    """Says which device came or went. Who has an older list than that needs, asks ``usync``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def changed(self, device: SimDevice) -> None:
        """``device`` was linked or unlinked."""
        account = device.account
        if account.sign_devices is not None:
            account.sign_devices()
        for other in self._world.accounts:
            for receiver in other.devices.values():
                if receiver.is_local or receiver is device:
                    continue
                notice = self._own_notice(account, receiver) if other is account else self._notice(device, receiver)
                receiver.deliver(notice)

    def _own_notice(self, account: SimAccount, receiver: SimDevice) -> Node:
        # The hash is deliberately not that of the list: the client drops its cache and asks.
        listed = [Node("device", {"jid": receiver.name_of(device)}) for device in account.devices.values()]
        devices = Node("devices", {"dhash": "2:changed"}, listed)
        return notification(self._world, receiver.name_of(account), "account_sync", devices)

    def _notice(self, device: SimDevice, receiver: SimDevice) -> Node:
        account, there = device.account, device.account.devices.values()
        hashes: dict[str, Attr] = {
            "device_hash": participant_hash(receiver.name_of(one) for one in there),
            "device_lid_hash": participant_hash(one.lid for one in there),
        }
        changed: dict[str, Attr] = {"jid": receiver.name_of(device), "lid": device.lid}
        changed["key-index"] = str(device.key_index)
        tag = "add" if device.number in account.devices else "remove"
        change = Node(tag, hashes, [Node("device", changed), *key_index_nodes(account)])
        return notification(self._world, receiver.name_of(account), "devices", change, lid=account.lid)
