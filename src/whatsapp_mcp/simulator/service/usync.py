"""Directory look-ups: who is on WhatsApp, with which devices, LID, about text, picture and business name (whatsmeow
user.go)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.world import LEGACY_USER, World
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.protos import vname_cert

log = logging.getLogger(__name__)


class Usync:
    """``iq xmlns=usync``: every queried protocol is answered for every listed user."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._protocols: dict[str, Callable[[SimDevice, SimAccount, Node], Node | None]] = {
            "devices": self._devices,
            "lid": lambda device, account, user: Node("lid", {"val": account.lid}),
            "status": self._status,
            "picture": self._picture,
            "business": self._business,
            "disappearing_mode": self._disappearing_mode,
            "username": lambda device, account, user: Node("username"),
        }

    def register(self, router: Router) -> None:
        router.on_iq("usync", "get", self._query)

    def _query(self, device: SimDevice, node: Node) -> Sequence[Node]:
        request = node.child("usync")
        query, users = (request.child("query"), request.child("list")) if request else (None, None)
        if request is None or query is None or users is None:
            raise IqError(400, "bad-request")
        protocols = [child.tag for child in query.children()]
        for tag in protocols:
            if tag != "contact" and tag not in self._protocols:
                log.warning("%r asks usync for something not simulated: %s", device, tag)
        answers = [self._user(device, user, protocols) for user in users.children("user")]
        result = Node("result", {}, [Node(tag) for tag in protocols])
        attrs: dict[str, Attr] = {name: request.get(name) for name in ("sid", "index", "last", "mode", "context")}
        return [Node("usync", attrs, [result, Node("list", {}, answers)])]

    def _user(self, device: SimDevice, user: Node, protocols: Sequence[str]) -> Node:
        if user.child("contact") is not None:
            return self._contact(device, user, protocols)
        jid = user.jid("jid")
        account = self._world.account(jid)
        # The form that was asked for is echoed: whatsmeow files the answer under exactly this address.
        attrs: dict[str, Attr] = {} if jid is None else {"jid": jid.bare}
        if account is None:
            return Node("user", attrs, [Node(tag, {}, [Node("error", {"code": "404"})]) for tag in protocols])
        return Node("user", attrs, self._answers(device, account, user, protocols))

    def _contact(self, device: SimDevice, user: Node, protocols: Sequence[str]) -> Node:
        """ "Is this number on WhatsApp?": answered with the LID and the number, or with ``type=out``."""
        contact = user.child("contact")
        text = contact.data if contact else b""
        number = _number_jid(text.decode("utf-8", "replace"))
        account = self._world.looked_up(number)
        if account is None:
            # A user without any address would be skipped by whatsmeow: the number as it was asked stays in.
            attrs: dict[str, Attr] = {"jid": Jid(number.user, USER)} if number else {}
            return Node("user", attrs, [Node("contact", {"type": "out"}, text)])
        content = [Node("contact", {"type": "in"}, text)]
        content += self._answers(device, account, user, protocols)
        other: dict[str, Attr] = {"pn_jid": account.pn} if device.uses_lid(account) else {"lid_jid": account.lid}
        return Node("user", {"jid": device.name_of(account), **other}, content)

    def _answers(self, device: SimDevice, account: SimAccount, user: Node, protocols: Sequence[str]) -> list[Node]:
        answers = (self._protocols[tag](device, account, user) for tag in protocols if tag in self._protocols)
        return [answer for answer in answers if answer is not None]

    def _devices(self, device: SimDevice, account: SimAccount, user: Node) -> Node:
        listed = []
        for number, owned in sorted(account.devices.items()):
            attrs: dict[str, Attr] = {"id": str(number)}
            if number:
                attrs["key-index"] = str(owned.key_index)
            listed.append(Node("device", attrs))
        return Node("devices", {}, [Node("device-list", {}, listed), *key_index_nodes(account)])

    def _status(self, device: SimDevice, account: SimAccount, user: Node) -> Node:
        if not account.shows_to("status", device.account):
            return Node("status", {"code": "401"})
        return Node("status", {"t": str(account.about_set_at)}, account.about.encode())

    def _picture(self, device: SimDevice, account: SimAccount, user: Node) -> Node | None:
        if account.picture is None or not account.shows_to("profile", device.account):
            return None
        return Node("picture", {"id": account.picture.id})

    def _business(self, device: SimDevice, account: SimAccount, user: Node) -> Node | None:
        if account.business_name is None:
            return None
        return Node("business", {}, [verified_name_node(account.business_name)])

    def _disappearing_mode(self, device: SimDevice, account: SimAccount, user: Node) -> Node:
        return Node("disappearing_mode", {"duration": str(account.default_disappearing_seconds), "t": "0"})


def _number_jid(text: str) -> Jid | None:
    """``15550002222@c.us``, ``+1 555 000 2222`` and the like as an address."""
    digits = "".join(c for c in text.partition("@")[0] if c.isascii() and c.isdigit())
    return Jid(digits, LEGACY_USER) if digits else None


def key_index_nodes(account: SimAccount) -> list[Node]:
    """The phone's signed word on which linked devices there are; none, as long as none were."""
    if account.key_index_list is None:
        return []
    seconds, signed = account.key_index_list
    return [Node("key-index-list", {"ts": str(seconds)}, signed)]


def verified_name_node(name: str) -> Node:
    """A business's name certificate. Nobody's key signs it: clients read the name only (whatsmeow user.go)."""
    details = vname_cert.VerifiedNameCertificate.Details(serial=1, issuer="smb:wa", verifiedName=name)
    certificate = vname_cert.VerifiedNameCertificate(details=details.SerializeToString(), signature=bytes(64))
    attrs: dict[str, Attr] = {
        "v": "1",
        "verified_level": "unknown",
        "host_storage": "1",
        "actual_actors": "1",
        "privacy_mode_ts": "0",
    }
    return Node("verified_name", attrs, certificate.SerializeToString())
