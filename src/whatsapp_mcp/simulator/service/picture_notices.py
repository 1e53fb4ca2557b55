"""Who learns that somebody changed the profile picture (whatsmeow notification.go: handlePictureNotification)."""

from __future__ import annotations

from whatsapp_mcp.simulator.state.accounts import Account, Device
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

__all__ = ["tell_picture"]


def tell_picture(world: World, account: Account, by: Device | None) -> None:
    """Tell everybody who may see it, and the account's own devices except the one that did it (``by``)."""
    for other in world.accounts:
        if not account.shows_to("profile", other):
            continue
        for device in other.devices.values():
            if device is not by and not device.is_local:
                device.deliver(_notice(world, account, own=other is account))


def _notice(world: World, account: Account, *, own: bool) -> Node:
    attrs: dict[str, Attr] = {"from": account.lid, "id": world.new_id(), "t": world.now()}
    if own:
        return Node("notification", {**attrs, "type": "account_sync"}, [Node("picture")])
    change: dict[str, Attr] = {"jid": account.lid, "author": account.lid}
    if account.picture is None:
        return Node("notification", {**attrs, "type": "picture"}, [Node("delete", change)])
    return Node("notification", {**attrs, "type": "picture"}, [Node("set", {**change, "id": account.picture.id})])
