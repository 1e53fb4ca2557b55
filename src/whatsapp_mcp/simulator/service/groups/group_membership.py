"""Who is in a group: making it, adding, removing, roles, joining by link, requests to join, leaving.

Every method checks what WhatsApp checks and tells the members. ``actor`` is who does it. Requests about several people
succeed as a whole and say for each person what came of it (whatsmeow group.go: UpdateGroupParticipants).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.groups.group_nodes import SimOutcome, participant_node, participants_change
from whatsapp_mcp.simulator.service.groups.group_notices import GroupNotices
from whatsapp_mcp.simulator.state.accounts import SimAccount
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.groups import (
    AddRequest,
    GroupState,
    new_chat_id,
    new_invite_code,
    require_admin,
    require_member,
)
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

MAX_SUBJECT = 100
"""Characters. A longer or empty one is refused with 406."""
RoleChange = Literal["remove", "promote", "demote"]
REJOIN_SECONDS = 24 * 3600
"""Who left by themselves cannot be added by others for this long (408); by link they may come back at once."""
ADD_REQUEST_SECONDS = 3 * 24 * 3600
"""How long a personal invitation is good for."""


def check_subject(subject: str) -> None:
    """
    Raises:
        IqError: 406, it cannot be a group's name.
    """
    if not subject.strip() or len(subject) > MAX_SUBJECT:
        raise IqError(406, "not-acceptable")


class GroupMembership:
    """Changes to member lists. ``make`` makes a group from its id, subject, owner and invite code."""

    def __init__(
        self, world: World, notices: GroupNotices, make: Callable[[str, str, SimAccount, str], GroupState]
    ) -> None:
        self._world = world
        self._notices = notices
        self._make = make
        self.on_joined: list[Callable[[GroupState, SimAccount], None]] = []
        """Called with everybody who came into a group."""

    # --- making a group ---

    def create(self, owner: SimAccount, subject: str, people: Sequence[Jid]) -> tuple[GroupState, list[SimOutcome]]:
        """Make a group; returns it and what became of everybody who was to be in it. Nobody is told before
        :meth:`announce_creation`.

        Raises:
            IqError: the subject is empty or too long.
        """
        check_subject(subject)
        group = self._make(new_chat_id(), subject, owner, new_invite_code())
        group.members[owner] = "superadmin"
        outcomes = [self._admit(group, owner, jid) for jid in people if self._world.account(jid) is not owner]
        self._world.groups[group.jid] = group
        return group, outcomes

    def announce_creation(self, group: GroupState, key: str = "") -> None:
        """Tell everybody about a group that was just made and set up."""
        self._notices.tell_created(group, key or self._world.new_id())

    # --- adding and removing ---

    def add(self, group: GroupState, actor: SimAccount, people: Sequence[Jid]) -> list[SimOutcome]:
        """Put people into the group.

        Raises:
            IqError: 403, the actor is not in the group, or only admins may add and it is none.
        """
        require_member(group, actor)
        if group.member_add_mode == "admin_add":
            require_admin(group, actor)
        before = list(group.members)
        outcomes = [self._admit(group, actor, jid) for jid in people]
        self._tell_added(group, actor, [o.account for o in outcomes if o.account and not o.error], before)
        return outcomes

    def _admit(self, group: GroupState, actor: SimAccount, jid: Jid) -> SimOutcome:
        account = self._world.account(jid)
        if account is None:
            return SimOutcome(jid, None, 404)
        if account in group.members:
            return SimOutcome(jid, account, 409)
        if len(group.members) >= group.max_members:
            return SimOutcome(jid, account, 419)
        if self._world.clock() - group.left_at.get(account, float("-inf")) < REJOIN_SECONDS:
            return SimOutcome(jid, account, 408)
        if not account.shows_to("groupadd", actor):
            invitation = AddRequest(new_invite_code(), int(self._world.clock()) + ADD_REQUEST_SECONDS, account, actor)
            group.add_requests[invitation.code] = invitation
            return SimOutcome(jid, account, 403, invitation)
        self._admit_account(group, account)
        return SimOutcome(jid, account)

    @staticmethod
    def _admit_account(group: GroupState, account: SimAccount) -> None:
        group.members[account] = "member"
        group.join_requests.pop(account, None)
        group.left_at.pop(account, None)

    def _tell_added(
        self, group: GroupState, actor: SimAccount, added: list[SimAccount], before: list[SimAccount], reason: str = ""
    ) -> None:
        if not added:
            return
        change = participants_change(group, "add", added)
        if reason:
            change.attrs["reason"] = reason
        self._notices.tell(group, actor, change, to=before)
        self._notices.tell_joined(group, actor, added, reason=reason)
        for called in self.on_joined:
            for account in added:
                called(group, account)

    def change(self, group: GroupState, actor: SimAccount, people: Sequence[Jid], what: RoleChange) -> list[SimOutcome]:
        """Take people out of the group, make them admins, or plain members again.

        Raises:
            IqError: 403, the actor is not an admin.
        """
        require_admin(group, actor)
        return self.change_unasked(group, actor, people, what)

    def change_unasked(
        self, group: GroupState, actor: SimAccount, people: Sequence[Jid], what: RoleChange
    ) -> list[SimOutcome]:
        """The same by somebody who need not be an admin of this group."""
        told = list(group.members)
        outcomes = [self._change_one(group, actor, jid, what) for jid in people]
        changed = [outcome.account for outcome in outcomes if outcome.account and not outcome.error]
        if changed:
            self._notices.tell(group, actor, participants_change(group, what, changed), to=told)
        return outcomes

    def _change_one(self, group: GroupState, actor: SimAccount, jid: Jid, what: str) -> SimOutcome:
        account = self._world.account(jid)
        if account is None or account not in group.members:
            return SimOutcome(jid, account, 404)
        if what != "promote" and (group.members[account] == "superadmin" or (what == "remove" and account is actor)):
            return SimOutcome(jid, account, 406)
        if what == "remove":
            del group.members[account]
        elif what == "demote":
            group.members[account] = "member"
        elif group.members[account] == "member":
            group.members[account] = "admin"
        return SimOutcome(jid, account)

    def leave(self, group: GroupState, account: SimAccount) -> None:
        """Leave. Without an admin left, whoever is in longest becomes one.

        Raises:
            IqError: 403, the account is not in the group.
        """
        require_member(group, account)
        told = list(group.members)
        del group.members[account]
        group.left_at[account] = self._world.clock()
        self._notices.tell(group, account, participants_change(group, "remove", [account]), to=told)
        if group.members and not group.admins:
            heir = next(iter(group.members))
            group.members[heir] = "admin"
            self._notices.tell(group, account, participants_change(group, "promote", [heir]))

    def renumber(self, account: SimAccount, number: str) -> None:
        """Somebody takes another number, and the groups are told. Raises ValueError: it is no number, or taken."""
        old = account.pn
        self._world.renumber(account, number)
        for group in self._world.groups.values():
            if account in group.members:
                self._notices.tell_renumbered(group, account, old)

    # --- by invitation ---

    def by_code(self, code: str) -> GroupState:
        """The group that an invite link leads to.

        Raises:
            IqError: 406 there is no such link, 410 it was revoked.
        """
        for group in self._world.groups.values():
            if code == group.invite_code:
                return group
            if code in group.revoked_codes:
                raise IqError(410, "gone")
        raise IqError(406, "not-acceptable")

    def join(self, code: str, account: SimAccount) -> tuple[GroupState, bool]:
        """Join by link; returns the group and whether the account is in it now (else it waits for approval).

        Raises:
            IqError: 406 or 410 the link leads nowhere, 409 in the group already, 419 the group is full.
        """
        group = self.by_code(code)
        return group, self.enter(group, account)

    def enter(self, group: GroupState, account: SimAccount, *, method: str = "invite_link") -> bool:
        """Come in, or (``False``) ask to: ``method`` says how the way was found.

        Raises:
            IqError: 409 in the group already, 419 the group is full.
        """
        _require_place(group, account)
        if group.approval_required:
            self._ask(group, account, method)
            return False
        self.come_in(group, account, account, reason="invite" if method == "invite_link" else method)
        return True

    def come_in(self, group: GroupState, actor: SimAccount, account: SimAccount, *, reason: str = "invite") -> None:
        """Put somebody into a group, and tell everybody; nothing is checked."""
        before = list(group.members)
        self._admit_account(group, account)
        self._tell_added(group, actor, [account], before, reason)

    def accept(self, group: GroupState, account: SimAccount, code: str, admin: SimAccount | None) -> None:
        """Follow a personal invitation (whatsmeow group.go: JoinGroupWithInvite).

        Raises:
            IqError: 406 there is no such invitation for this account, 410 it has expired, 409, 419.
        """
        invitation = self.invitation(group, account, code, admin)
        _require_place(group, account)
        del group.add_requests[invitation.code]
        self.come_in(group, account, account)

    def invitation(self, group: GroupState, account: SimAccount, code: str, admin: SimAccount | None) -> AddRequest:
        """A personal invitation.

        Raises:
            IqError: 406 there is no such invitation for this account, 410 it has expired.
        """
        invitation = group.add_requests.get(code)
        if invitation is None or invitation.account is not account or invitation.admin is not admin:
            raise IqError(406, "not-acceptable")
        if invitation.expires_at < self._world.clock():
            raise IqError(410, "gone")
        return invitation

    def invite_code(self, group: GroupState, actor: SimAccount, *, reset: bool = False) -> str:
        """The code of the invite link; ``reset`` revokes it and makes another.

        Raises:
            IqError: 403 not in the group, 401 not an admin (whatsmeow ErrGroupInviteLinkUnauthorized).
        """
        require_member(group, actor)
        if not group.is_admin(actor) and (reset or group.member_link_mode == "admin_link"):
            raise IqError(401, "not-authorized")
        if reset:
            group.revoked_codes.add(group.invite_code)
            group.invite_code = new_invite_code()
            self._notices.tell(group, actor, Node("invite", {"code": group.invite_code}))
        return group.invite_code

    # --- requests to join ---

    def _ask(self, group: GroupState, account: SimAccount, method: str) -> None:
        if account in group.join_requests:
            return
        group.join_requests[account] = int(self._world.clock())
        asked = participant_node(group, account)
        content = [Node("requested_user", asked.attrs)]
        attrs: dict[str, Attr] = {"request_method": method}
        if group.parent is not None:
            attrs["parent_group_jid"] = group.parent.jid
        change = Node("created_membership_requests", attrs, content)
        self._notices.tell(group, account, change, to=group.admins)

    def requests(self, group: GroupState, actor: SimAccount) -> dict[SimAccount, int]:
        """Who waits for approval and since when, oldest first.

        Raises:
            IqError: 403, the actor is not an admin.
        """
        require_admin(group, actor)
        return group.join_requests

    def decide(
        self, group: GroupState, actor: SimAccount, people: Sequence[Jid], decision: Literal["approve", "reject"]
    ) -> list[SimOutcome]:
        """Let people who wait in, or not; those who did not ask get error 404.

        Raises:
            IqError: 403, the actor is not an admin.
        """
        require_admin(group, actor)
        return [self._decide_one(group, actor, jid, decision) for jid in people]

    def _decide_one(self, group: GroupState, actor: SimAccount, jid: Jid, decision: str) -> SimOutcome:
        account = self._world.account(jid)
        if account is None or account not in group.join_requests:
            return SimOutcome(jid, account, 404)
        if decision == "reject":
            del group.join_requests[account]
            content = [Node("requested_user", participant_node(group, account).attrs)]
            change = Node("revoked_membership_requests", {}, content)
            self._notices.tell(group, actor, change, to=[*group.admins, account])
            return SimOutcome(jid, account)
        if len(group.members) >= group.max_members:
            return SimOutcome(jid, account, 419)
        self.come_in(group, actor, account)
        return SimOutcome(jid, account)


def _require_place(group: GroupState, account: SimAccount) -> None:
    if account in group.members:
        raise IqError(409, "conflict")
    if len(group.members) >= group.max_members:
        raise IqError(419, "resource-limit")
