"""Communities: a parent group that nobody writes in, its announcements, and the groups that are linked to it.

Sources: whatsmeow group.go (CreateGroup, LinkGroup, UnlinkGroup, GetSubGroups) and types/group.go, Baileys
Socket/communities.ts, whatsapp-rust features/community.rs. Whoever is in a linked group is in the community and its
announcements.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.simulator.service.groups.group_membership import GroupMembership, RoleChange
from whatsapp_mcp.simulator.service.groups.group_nodes import SimOutcome, linked_node
from whatsapp_mcp.simulator.service.groups.group_notices import GroupNotices
from whatsapp_mcp.simulator.state.accounts import SimAccount
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.groups import (
    CommunityState,
    GroupState,
    Place,
    require_admin,
    require_member,
)
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

MAX_LINKED: Final = 50
"""Groups in a community, beside its announcements."""
MEMBERS_ADD: Final = "allow_non_admin_sub_group_creation"
_GENERAL: Final = "General"


class Communities:
    """What can be done with them. All methods raise ``IqError`` 403 for those who may not, 404 for what is no
    community."""

    def __init__(self, world: World, membership: GroupMembership, notices: GroupNotices) -> None:
        self._world = world
        self._membership = membership
        self._notices = notices
        membership.on_joined.append(self.follow)

    @staticmethod
    def _require(community: GroupState) -> CommunityState:
        if community.community is None:
            raise IqError(404, "item-not-found")
        return community.community

    def require_member(self, community: GroupState, account: SimAccount) -> None:
        """Raises IqError: 404 it is no community, 403 the account is not in it."""
        self._require(community)
        require_member(community, account)

    def groups_of(self, community: GroupState) -> list[GroupState]:
        """The linked groups, in the order that they were made: first that of the announcements."""
        linked = [group for group in self._world.groups.values() if group.parent is community]
        return sorted(linked, key=lambda group: group.place != "announcements")

    def people(self, community: GroupState, viewer: SimAccount) -> list[SimAccount]:
        """Everybody in the linked groups, and who is in none."""
        self.require_member(community, viewer)
        groups = [community, *self.groups_of(community)]
        return list(dict.fromkeys(account for group in groups for account in group.members))

    # --- making and ending ---

    def found(self, parent: GroupState, state: CommunityState, *, general: bool) -> None:
        """Make a community of a group that was just made; it gets a group for announcements by itself."""
        parent.community = state
        self._make_part(parent, parent.subject, "announcements").announce = True
        if general:
            self._make_part(parent, _GENERAL, "general")

    def _make_part(self, parent: GroupState, subject: str, place: Place) -> GroupState:
        group, _ = self._membership.create(parent.owner, subject, [])
        group.members = dict(parent.members)
        group.parent, group.place = parent, place
        return group

    def announce_creation(self, parent: GroupState) -> None:
        """Tell everybody of the groups that a new community has."""
        for group in self.groups_of(parent):
            self._membership.announce_creation(group)

    def require_founder(self, community: GroupState, actor: SimAccount) -> None:
        """Raises IqError: 403, the actor may not make groups in the community; 412, it is full."""
        state = self._require(community)
        require_member(community, actor)
        if not state.members_add_groups:
            require_admin(community, actor)
        if len(self.groups_of(community)) > MAX_LINKED:
            raise IqError(412, "precondition-failed")

    def deactivate(self, community: GroupState, actor: SimAccount) -> None:
        """End a community. Its announcements end with it, the other groups stay by themselves."""
        self._require(community)
        require_admin(community, actor)
        for group in self.groups_of(community):
            if group.place == "announcements":
                self._end(group, actor)
            else:
                self._unlink_one(community, group, actor, "delete_parent")
        self._end(community, actor)

    def _end(self, group: GroupState, actor: SimAccount) -> None:
        self._notices.tell(group, actor, Node("delete", {"reason": "delete_parent"}))
        del self._world.groups[group.jid]

    # --- linking ---

    def link(self, community: GroupState, actor: SimAccount, jids: Sequence[Jid]) -> list[tuple[Jid, int]]:
        """Link groups to a community; an error (0: none) for each: 401 the actor is no admin of the group, 404 there is
        no such group, 409 it belongs to a community, 412 the community is full."""
        self.require_founder(community, actor)
        return [(jid, self._link_one(community, actor, jid)) for jid in jids]

    def _link_one(self, community: GroupState, actor: SimAccount, jid: Jid) -> int:
        group = self._world.groups.get(jid)
        if group is None:
            return 404
        if group.parent is not None or group.community is not None:
            return 409
        if not group.is_admin(actor):
            return 401
        if len(self.groups_of(community)) > MAX_LINKED:
            return 412
        self.adopt(community, group, actor)
        return 0

    def adopt(self, community: GroupState, group: GroupState, actor: SimAccount) -> None:
        """Make a group part of a community, with everybody in it, and tell them."""
        group.parent, group.place = community, "sub_group"
        for account in list(group.members):
            self.follow(group, account)
        self._tell_links(community, group, actor, "link")

    def unlink(
        self, community: GroupState, actor: SimAccount, jids: Sequence[Jid], *, orphans: bool = False
    ) -> list[tuple[Jid, int]]:
        """Take groups out of a community; an error for each: 404 not in it, 406 its announcements.

        ``orphans``: whoever is in no other group of it leaves the community.
        """
        self._require(community)
        require_admin(community, actor)
        outcomes = []
        for jid in jids:
            group = self._world.groups.get(jid)
            if group is None or group.parent is not community:
                outcomes.append((jid, 404))
            elif group.place == "announcements":
                outcomes.append((jid, 406))
            else:
                self._unlink_one(community, group, actor, "unlink_group")
                if orphans:
                    self._drop_orphans(community, group, actor)
                outcomes.append((jid, 0))
        return outcomes

    def _unlink_one(self, community: GroupState, group: GroupState, actor: SimAccount, reason: str) -> None:
        self._tell_links(community, group, actor, "unlink", reason)
        group.parent, group.place = None, "sub_group"

    def _drop_orphans(self, community: GroupState, group: GroupState, actor: SimAccount) -> None:
        others = [other for other in self.groups_of(community) if other.place != "announcements"]
        for account in group.members:
            orphan = not community.is_admin(account) and not any(account in other.members for other in others)
            if orphan and account is not actor:
                self.change(community, actor, [account.lid], "remove")

    def _tell_links(
        self, community: GroupState, group: GroupState, actor: SimAccount, tag: str, reason: str = ""
    ) -> None:
        """The community hears of its group, the group of its community (whatsmeow types/group.go:
        GroupLinkChangeType)."""
        for told, kind, about in ((community, "sub_group", group), (group, "parent_group", community)):
            attrs: dict[str, Attr] = {f"{tag}_type": kind}
            if reason:
                attrs["unlink_reason"] = reason
            self._notices.tell(told, actor, Node(tag, attrs, [linked_node(about)]))

    def let_members_add(self, community: GroupState, actor: SimAccount, *, on: bool) -> None:
        """Whether those who are no admins make groups in it."""
        state = self._require(community)
        require_admin(community, actor)
        state.members_add_groups = on
        self._notices.tell(community, actor, Node(f"{'' if on else 'not_'}{MEMBERS_ADD}"))

    # --- coming and going ---

    def follow(self, group: GroupState, account: SimAccount) -> None:
        """Whoever comes into a group of a community is in the community and hears its announcements."""
        community = group if group.community is not None else group.parent
        if community is None:
            return
        for place in (community, *(one for one in self.groups_of(community) if one.place == "announcements")):
            if account not in place.members:
                self._membership.come_in(place, account, account, reason="")

    def join_linked(self, community: GroupState, account: SimAccount, jid: Jid) -> tuple[GroupState, bool]:
        """Somebody of the community comes into one of its groups; returns it and whether the account is in it now (else
        it waits for an admin).

        Raises:
            IqError: 403 not in the community or the group is not in it, 409 there already, 419 the group is full.
        """
        group = self.linked(community, account, jid)
        inside = self._membership.enter(group, account, method="linked_group_join")
        return group, inside

    def linked(self, community: GroupState, viewer: SimAccount, jid: Jid) -> GroupState:
        """One of the groups, as everybody in the community may see it.

        Raises:
            IqError: 403 not in the community or the group is not in it.
        """
        self.require_member(community, viewer)
        group = self._world.require_group(jid)
        if group.parent is not community:
            raise IqError(403, "forbidden")
        return group

    def leave(self, group: GroupState, account: SimAccount) -> None:
        """Leave a group; with a community, all of its groups.

        Raises:
            IqError: 403, not in it.
        """
        require_member(group, account)
        for one in [*self.groups_of(group), group]:
            if account in one.members:
                self._membership.leave(one, account)

    def change(self, group: GroupState, actor: SimAccount, people: Sequence[Jid], what: RoleChange) -> list[SimOutcome]:
        """Take people out of a group, or give them another role in it. Of a community: out of all of its groups, and
        the role in its announcements too."""
        outcomes = self._membership.change(group, actor, people, what)
        changed = [outcome.account for outcome in outcomes if outcome.account and not outcome.error]
        for linked in self.groups_of(group):
            there = [account.lid for account in changed if account in linked.members]
            if there and (what == "remove" or linked.place == "announcements"):
                self._membership.change_unasked(linked, actor, there, what)
        return outcomes
