"""Links that lead to a person: ``wa.me/qr/CODE`` of a contact QR code, ``wa.me/message/CODE`` of a shop.

``iq xmlns=w:qr`` (whatsmeow user.go: GetContactQRLink, ResolveContactQRLink, ResolveBusinessMessageLink).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.state.accounts import Person, SimAccount, SimDevice, account_of
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.groups import new_invite_code
from whatsapp_mcp.wire.node import Attr, Node

_CODE_LENGTH: Final = 14
CONTACT_PREFIX: Final = "https://wa.me/qr/"
MESSAGE_PREFIX: Final = "https://wa.me/message/"


@dataclass(frozen=True, slots=True)
class _Target:
    account: SimAccount
    message: str | None = None
    """What a shop's link wants to be written to it; ``None``: it is a contact's link."""


class ContactLinks:
    """Who is behind which code. Every account has a code of its own; a revoked one leads nowhere."""

    def __init__(self) -> None:
        self._targets: dict[str, _Target] = {}
        self._codes: dict[SimAccount, str] = {}

    def register(self, router: Router) -> None:
        router.on_iq("w:qr", "get", self._resolve)
        router.on_iq("w:qr", "set", self._own)

    def link_of(self, person: Person) -> str:
        """What somebody's contact QR code says."""
        return CONTACT_PREFIX + self._code(account_of(person))

    def message_link(self, shop: Person, text: str = "") -> str:
        """A link by which one writes to a shop, beginning with this text."""
        code = new_invite_code(_CODE_LENGTH)
        self._targets[code] = _Target(account_of(shop), text)
        return MESSAGE_PREFIX + code

    def _code(self, account: SimAccount) -> str:
        if account not in self._codes:
            self._codes[account] = new_invite_code(_CODE_LENGTH)
            self._targets[self._codes[account]] = _Target(account)
        return self._codes[account]

    def _own(self, device: SimDevice, node: Node) -> Sequence[Node]:
        wanted = node.child("qr")
        if wanted is None or wanted.get("type") != "contact" or wanted.get("action") not in ("get", "revoke"):
            raise IqError(400, "bad-request")
        if wanted.get("action") == "revoke" and device.account in self._codes:
            del self._targets[self._codes.pop(device.account)]
        return [Node("qr", {"type": "contact", "code": self._code(device.account)})]

    def _resolve(self, device: SimDevice, node: Node) -> Sequence[Node]:
        wanted = node.child("qr")
        if wanted is None or not wanted.get("code"):
            raise IqError(400, "bad-request")
        target = self._targets.get(wanted.get("code"))
        if target is None:
            raise IqError(404, "item-not-found")
        account = target.account
        attrs: dict[str, Attr] = {"jid": account.pn, "notify": account.push_name, "type": "contact"}
        content = []
        if target.message is not None:
            attrs["type"] = "message"
            content.append(Node("message", {}, target.message.encode()))
        if account.business_name is not None:
            signed: dict[str, Attr] = {"is_signed": "true", "verified_name": account.business_name}
            content.append(Node("business", {**signed, "verified_level": "unknown"}))
        return [Node("qr", attrs, content or None)]
