"""What the simulated WhatsApp knows, and the one clock.

Nothing here speaks the protocol; the handler modules do, on this state.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from whatsapp_mcp.jid import LID, USER, Jid
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice, lid_user_for
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.groups import GroupState
from whatsapp_mcp.simulator.state.media_store import MediaStore

LEGACY_USER = "c.us"
"""Old server part of a number; clients still use it to ask whether a number is on WhatsApp."""


class World:
    """All accounts and groups, and the one clock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.media = MediaStore(clock)
        """The files on the media hosts."""
        self._by_number: dict[str, SimAccount] = {}
        self._by_lid: dict[str, SimAccount] = {}
        self.groups: dict[Jid, GroupState] = {}
        """By address."""

    @property
    def accounts(self) -> list[SimAccount]:
        return list(self._by_number.values())

    def now(self) -> str:
        """The time as stanzas carry it: whole seconds since 1970."""
        return str(int(self.clock()))

    @staticmethod
    def new_id() -> str:
        """An id for a stanza or a message that nobody else uses."""
        return "3EB0" + secrets.token_hex(9).upper()

    def add_account(self, number: str, push_name: str, *, business_name: str | None = None) -> SimAccount:
        """Register a number.

        Raises:
            ValueError: not 7 to 15 digits, or taken.
        """
        self._check_free(number)
        account = SimAccount(number, push_name, lid_user=lid_user_for(number), business_name=business_name)
        self._by_number[number] = account
        self._by_lid[account.lid_user] = account
        return account

    def _check_free(self, number: str) -> None:
        if not (number.isascii() and number.isdigit() and 7 <= len(number) <= 15 and number[0] != "0"):
            raise ValueError(f"not an international phone number (7 to 15 digits, no leading 0): {number!r}")
        if number in self._by_number:
            raise ValueError(f"{number} already has an account")

    def renumber(self, account: SimAccount, number: str) -> None:
        """Give an account another number; its LID stays.

        Raises:
            ValueError: as ``add_account``.
        """
        self._check_free(number)
        del self._by_number[account.number]
        account.number = number
        self._by_number[number] = account

    def account(self, jid: Jid | None) -> SimAccount | None:
        """The account behind a number or LID; the device part is ignored."""
        if jid is None:
            return None
        if jid.server in (USER, LEGACY_USER):
            # Clients that know nothing of LIDs write to the members of a group that names them so as to numbers.
            return self._by_number.get(jid.user) or self._by_lid.get(jid.user)
        if jid.server == LID:
            return self._by_lid.get(jid.user)
        return None

    def looked_up(self, number: Jid | None) -> SimAccount | None:
        """The account that a number means, also as people write it."""
        if number is None:
            return None
        found = self.account(number)
        return found or next((one for one in self.accounts if number.user in one.also_written), None)

    def require_group(self, jid: Jid | None) -> GroupState:
        """The group at an address.

        Raises:
            IqError: 404, there is none.
        """
        group = self.groups.get(jid) if jid is not None else None
        if group is None:
            raise IqError(404, "item-not-found")
        return group

    def device(self, jid: Jid | None) -> SimDevice | None:
        account = self.account(jid)
        return account.devices.get(jid.device) if account and jid else None
