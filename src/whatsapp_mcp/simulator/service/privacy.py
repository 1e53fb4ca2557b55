"""Privacy settings, trusted-contact tokens and the block list (whatsmeow privacysettings.go, tctoken.go, user.go)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence

from whatsapp_mcp.simulator.service.router import Router, notification
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

log = logging.getLogger(__name__)

_VALUES = {
    "groupadd": {"all", "contacts", "contact_blacklist", "none"},
    "last": {"all", "contacts", "contact_blacklist", "none"},
    "status": {"all", "contacts", "contact_blacklist", "none"},
    "profile": {"all", "contacts", "contact_blacklist", "none"},
    "readreceipts": {"all", "none"},
    "online": {"all", "match_last_seen"},
    "calladd": {"all", "known"},
    "messages": {"all", "contacts"},
    "defense": {"off", "on_standard"},
    "stickers": {"all", "contacts", "contact_allowlist", "none"},
}
"""What each category may be set to (whatsmeow types/user.go)."""

_LONGEST_TIMER = 90 * 24 * 3600


class Privacy:
    """``iq xmlns=privacy``, ``blocklist`` and ``disappearing_mode``."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register(self, router: Router) -> None:
        router.on_iq("privacy", "get", self._get)
        router.on_iq("privacy", "set", self._set)
        router.on_iq("blocklist", "get", self._get_blocked)
        router.on_iq("blocklist", "set", self._set_blocked)
        router.on_iq("disappearing_mode", "get", self._get_disappearing)
        router.on_iq("disappearing_mode", "set", self._set_disappearing)

    def _get(self, device: SimDevice, node: Node) -> Sequence[Node]:
        categories = [Node("category", {"name": n, "value": v}) for n, v in device.account.privacy.items()]
        return [Node("privacy", {}, categories)]

    def _set(self, device: SimDevice, node: Node) -> Sequence[Node]:
        tokens, privacy = node.child("tokens"), node.child("privacy")
        if tokens is not None:
            return ()
        if privacy is None:
            raise IqError(400, "bad-request")
        changes = {category.get("name"): category.get("value") for category in privacy.children("category")}
        return [self.change(device, changes)]

    def change(self, device: SimDevice, changes: dict[str, str]) -> Node:
        """``device`` changes settings of its account; the account's other devices are told. Returns ``<privacy>``.

        Raises:
            IqError: a setting or value that does not exist.
        """
        if not changes or any(value not in _VALUES.get(name, ()) for name, value in changes.items()):
            raise IqError(400, "bad-request")
        device.account.privacy.update(changes)
        privacy = Node("privacy", {}, [Node("category", {"name": n, "value": v}) for n, v in changes.items()])
        self._tell_others(device, privacy)
        return privacy

    def _get_blocked(self, device: SimDevice, node: Node) -> Sequence[Node]:
        return [_blocklist(device.account)]

    def _set_blocked(self, device: SimDevice, node: Node) -> Sequence[Node]:
        item = node.child("item")
        target = self._world.account(item.jid("jid")) if item else None
        if item is None or target is None or item.get("action") not in ("block", "unblock"):
            raise IqError(400, "bad-request")
        before = _dhash(device.account)
        if item.get("action") == "block":
            device.account.blocked.add(target)
        else:
            device.account.blocked.discard(target)
        attrs: dict[str, Attr] = {"dhash": _dhash(device.account), "prev_dhash": before, "action": "modify"}
        change = Node("item", {"jid": target.lid, "action": item.get("action")})
        self._tell_others(device, Node("blocklist", attrs, [change]))
        return [_blocklist(device.account)]

    @staticmethod
    def _get_disappearing(device: SimDevice, node: Node) -> Sequence[Node]:
        return [Node("disappearing_mode", {"duration": str(device.account.default_disappearing_seconds), "t": "0"})]

    def _set_disappearing(self, device: SimDevice, node: Node) -> Sequence[Node]:
        mode = node.child("disappearing_mode")
        duration = mode.number("duration") if mode else None
        if duration is None or duration > _LONGEST_TIMER:
            raise IqError(400, "bad-request")
        device.account.default_disappearing_seconds = duration
        return ()

    def _tell_others(self, device: SimDevice, change: Node) -> None:
        for other in device.account.others(device):
            other.deliver(notification(self._world, device.account.pn, "account_sync", change))


def _blocklist(account: SimAccount) -> Node:
    blocked = sorted(account.blocked, key=lambda other: other.number)
    return Node("list", {"dhash": _dhash(account)}, [Node("item", {"jid": other.lid}) for other in blocked])


def _dhash(account: SimAccount) -> str:
    """A digest of the list. Clients compare it for equality only."""
    return hashlib.sha256(",".join(sorted(other.lid_user for other in account.blocked)).encode()).hexdigest()[:16]
