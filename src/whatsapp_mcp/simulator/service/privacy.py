"""Privacy settings, trusted-contact tokens and the block list (whatsmeow privacysettings.go, tctoken.go, user.go)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence

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
        privacy = node.child("privacy")
        listed = privacy.child("list") if privacy is not None else None
        if listed is not None:
            return [Node("privacy", {}, [_listed(device, listed.get("name"), listed.get("value"))])]
        categories = [Node("category", {"name": n, "value": v}) for n, v in device.account.privacy.items()]
        return [Node("privacy", {}, categories)]

    def _set(self, device: SimDevice, node: Node) -> Sequence[Node]:
        tokens, privacy = node.child("tokens"), node.child("privacy")
        if tokens is not None:
            return ()
        if privacy is None:
            raise IqError(400, "bad-request")
        categories = privacy.children("category")
        lists = [changed for category in categories if (changed := self._changed_list(device, category)) is not None]
        told = self.change(device, {category.get("name"): category.get("value") for category in categories})
        for name, people in lists:
            device.account.privacy_lists[name] = people
        for category in told.children():
            if category.get("name") in device.account.privacy_lists:
                category.attrs["dhash"] = _digest(device.account.privacy_lists[category.get("name")])
        return [told]

    def _changed_list(self, device: SimDevice, category: Node) -> tuple[str, set[SimAccount]] | None:
        """The people of a category's list as they will be; ``None``: nothing is said of them.

        Raises:
            IqError: 400, somebody unknown; 409, the list that the client knows is an older one.
        """
        users = category.children("user")
        if not users:
            return None
        name = category.get("name")
        people = set(device.account.privacy_lists.get(name, ()))
        if category.get("dhash") not in ("", "none", _digest(people)):
            raise IqError(409, "conflict")
        for user in users:
            account = self._world.account(user.jid("jid") or user.jid("pn_jid"))
            if account is None or user.get("action") not in ("add", "remove"):
                raise IqError(400, "bad-request")
            (people.add if user.get("action") == "add" else people.discard)(account)
        return name, people

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
        before = _digest(device.account.blocked)
        if item.get("action") == "block":
            device.account.blocked.add(target)
        else:
            device.account.blocked.discard(target)
        attrs: dict[str, Attr] = {"dhash": _digest(device.account.blocked), "prev_dhash": before, "action": "modify"}
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


def _listed(device: SimDevice, name: str, value: str) -> Node:
    """Whom a category leaves out or lets in, in the form of address that the device uses."""
    people = device.account.privacy_lists.get(name, set())
    users = [Node("user", {"jid": device.name_of(who)}) for who in sorted(people, key=lambda other: other.number)]
    attrs: dict[str, Attr] = {"name": name, "value": value, "dhash": _digest(people)}
    return Node("list", attrs, users)


def _blocklist(account: SimAccount) -> Node:
    blocked = sorted(account.blocked, key=lambda other: other.number)
    return Node("list", {"dhash": _digest(account.blocked)}, [Node("item", {"jid": other.lid}) for other in blocked])


def _digest(people: Iterable[SimAccount]) -> str:
    """Of a list. Clients compare it for equality only."""
    return hashlib.sha256(",".join(sorted(other.lid_user for other in people)).encode()).hexdigest()[:16]
