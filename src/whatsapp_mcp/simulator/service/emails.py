"""The e-mail address of an account, and the code that proves it (``iq xmlns=urn:xmpp:whatsapp:account``).

Source: zapo-js protocol/email.ts, WaEmailCoordinator.ts. The code would come by e-mail; here, the account has it.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from whatsapp_mcp.simulator.service.router import Router
from whatsapp_mcp.simulator.state.accounts import Person, SimAccount, SimDevice, account_of
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.wire.node import Node

LONGEST_ADDRESS: Final = 320
_CODE_EXPIRED: Final = 535
_CODE_INCORRECT: Final = 536


@dataclass(slots=True)
class EmailAddress:
    address: str
    code: str = ""
    """Six digits, once one was asked for; empty when it was used."""
    verified: bool = False
    confirmed: bool = False


class AccountEmails:
    """Who has which address; none at first."""

    def __init__(self) -> None:
        self._by_account: dict[SimAccount, EmailAddress] = {}

    def register(self, router: Router) -> None:
        router.on_iq("urn:xmpp:whatsapp:account", "get", lambda device, node: self._told(device.account))
        router.on_iq("urn:xmpp:whatsapp:account", "set", self._set)

    def of(self, person: Person) -> EmailAddress | None:
        """What an account gave as its address, with the code that was sent there."""
        return self._by_account.get(account_of(person))

    def _told(self, account: SimAccount) -> Sequence[Node]:
        email = self._by_account.get(account)
        if email is None:
            return ()
        content = [_leaf("email_address", email.address), _leaf("confirmed", _word(email.confirmed))]
        return [Node("email", {"verified": _word(email.verified)}, content)]

    def _set(self, device: SimDevice, node: Node) -> Sequence[Node]:
        given, verify = node.child("email"), node.child("verify_email")
        if given is not None:
            return self._change(device.account, given)
        email = self._by_account.get(device.account)
        if verify is None and node.child("confirm_email") is None:
            raise IqError(501, "feature-not-implemented")
        if email is None:
            raise IqError(404, "item-not-found")
        if verify is None:
            email.confirmed = True
            return ()
        code = verify.child("code")
        if code is None:
            email.code = f"{secrets.randbelow(10**6):06}"
            return ()
        return _verify(email, code)

    def _change(self, account: SimAccount, given: Node) -> Sequence[Node]:
        address = _text(given.child("email_address"))
        local, _, domain = address.rpartition("@")
        if not local or not domain or len(address) > LONGEST_ADDRESS:
            raise IqError(400, "bad-request")
        self._by_account[account] = EmailAddress(address)
        return self._told(account)


def _verify(email: EmailAddress, code: Node) -> Sequence[Node]:
    if not email.code:
        raise IqError(_CODE_EXPIRED, "code-expired")
    if _text(code) != email.code:
        raise IqError(_CODE_INCORRECT, "code-incorrect")
    email.code, email.verified = "", True
    return [Node("email", {"do_verify": "true"}, [_leaf("email_address", email.address)])]


def _leaf(tag: str, text: str) -> Node:
    return Node(tag, {}, text.encode())


def _word(flag: bool) -> str:
    return "true" if flag else "false"


def _text(node: Node | None) -> str:
    try:
        return node.data.decode() if node is not None else ""
    except UnicodeDecodeError:
        raise IqError(400, "bad-request") from None
