"""Who runs a newsletter: its admins, invitations to become one, another owner (GraphQL).

Sources: Baileys Types/Mex.ts, whatsapp-rust mex_operations.rs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from whatsapp_mcp.simulator.service.mex import GraphQlError, Json, Mex, account_at
from whatsapp_mcp.simulator.service.newsletters.newsletter import Follower, Newsletter
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimDevice
from whatsapp_mcp.simulator.state.world import World

_CHANGE_OWNER = ("7341777602580933", "9546742745432473")
_DEMOTE = ("6551828931592903", "9880997548630971")
_INVITE, _REVOKE, _ACCEPT = "9387141988078609", "9656078347839416", "9580828702035549"
_PENDING = "9783111038412085"
_VALID_SECONDS: Final = 7 * 24 * 3600


class NewsletterAdmins:
    """Queries of owners about their admins, and of those whom they invite. ``find``: a newsletter by its address."""

    def __init__(self, world: World, find: Callable[[Any], Newsletter], mex: Mex) -> None:
        self._world = world
        self._find = find
        for query_id in _CHANGE_OWNER:
            mex.on_query(query_id, self._change_owner)
        for query_id in _DEMOTE:
            mex.on_query(query_id, self._demote)
        mex.on_query(_INVITE, self._invite)
        mex.on_query(_REVOKE, self._revoke)
        mex.on_query(_ACCEPT, self._accept)
        mex.on_query(_PENDING, self._pending)

    def _named(self, given: Json) -> SimAccount:
        return account_at(self._world, given.get("user_id"))

    def owned(self, device: SimDevice, given: Json) -> Newsletter:
        """The newsletter that a query is about, which has to be the own one.

        Raises:
            GraphQlError: 404, there is none; 403, it is somebody else's.
        """
        newsletter = self._find(given.get("newsletter_id"))
        follower = newsletter.followers.get(device.account)
        if follower is None or follower.role != "owner":
            raise GraphQlError(403, "Forbidden")
        return newsletter

    @staticmethod
    def _admin(newsletter: Newsletter, account: SimAccount) -> Follower:
        follower = newsletter.followers.get(account)
        if follower is None or follower.role != "admin":
            raise GraphQlError(404, "Not Found")
        return follower

    def _change_owner(self, device: SimDevice, given: Json) -> Json:
        """An admin becomes the owner, and the owner an admin."""
        newsletter = self.owned(device, given)
        self._admin(newsletter, self._named(given)).role = "owner"
        newsletter.followers[device.account].role = "admin"
        return {"xwa2_newsletter_change_owner": _id_of(newsletter)}

    def _demote(self, device: SimDevice, given: Json) -> Json:
        """The owner demotes any admin; an admin may step down."""
        newsletter, account = self._find(given.get("newsletter_id")), self._named(given)
        if account is not device.account:
            self.owned(device, given)
        self._admin(newsletter, account).role = "subscriber"
        told = _id_of(newsletter)
        return {"xwa2_newsletter_admin_demote": told, "xwa2_newsletter_demote": told}

    def _invite(self, device: SimDevice, given: Json) -> Json:
        """The invitation itself is a message that the client sends."""
        newsletter, account = self.owned(device, given), self._named(given)
        until = newsletter.invited[account] = int(self._world.clock()) + _VALID_SECONDS
        return {"xwa2_newsletter_admin_invite_create": {**_id_of(newsletter), "invite_expiration_time": str(until)}}

    def _revoke(self, device: SimDevice, given: Json) -> Json:
        newsletter = self.owned(device, given)
        if newsletter.invited.pop(self._named(given), None) is None:
            raise GraphQlError(404, "Not Found")
        return {"xwa2_newsletter_admin_invite_revoke": _id_of(newsletter)}

    def _accept(self, device: SimDevice, given: Json) -> Json:
        newsletter = self._find(given.get("newsletter_id"))
        try:
            newsletter.accept_invitation(device.account)
        except KeyError:
            raise GraphQlError(403, "Forbidden") from None
        return {"xwa2_newsletter_admin_invite_accept": _id_of(newsletter)}

    def _pending(self, device: SimDevice, given: Json) -> Json:
        """Baileys takes this query for one about subscribers, whose number everybody may know."""
        newsletter = self._find(given.get("newsletter_id"))
        told = _id_of(newsletter)
        follower = newsletter.followers.get(device.account)
        shown = newsletter.invited if follower is not None and follower.role == "owner" else {}
        waiting = [{"user": {"id": str(account.lid), "pn": str(account.pn)}} for account in shown]
        return {
            "xwa2_newsletter_admin": {**told, "pending_admin_invites": waiting},
            "xwa2_newsletter_subscribers": {**told, "subscribers": newsletter.subscribers},
        }


def _id_of(newsletter: Newsletter) -> Json:
    return {"id": str(newsletter.jid)}
