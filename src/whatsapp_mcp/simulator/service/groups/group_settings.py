"""What a group is called and what its members may do (whatsmeow group.go: SetGroupName and following)."""

from __future__ import annotations

from typing import Final

from whatsapp_mcp.simulator.service.groups.group_membership import check_subject
from whatsapp_mcp.simulator.service.groups.group_notices import GroupNotices
from whatsapp_mcp.simulator.state.accounts import SimAccount, SimPicture
from whatsapp_mcp.simulator.state.errors import IqError
from whatsapp_mcp.simulator.state.groups import (
    Description,
    GroupState,
    MemberAddMode,
    MemberLinkMode,
    require_admin,
    require_member,
)
from whatsapp_mcp.simulator.state.world import World
from whatsapp_mcp.wire.node import Attr, Node

MAX_DESCRIPTION: Final = 2048
EPHEMERAL_SECONDS: Final = (0, 24 * 3600, 7 * 24 * 3600, 90 * 24 * 3600)
"""The timers that exist; others are refused with 400 (whatsmeow ErrInvalidDisappearingTimer)."""


def check_description(text: str) -> None:
    """
    Raises:
        IqError: 406, it is too long.
    """
    if len(text) > MAX_DESCRIPTION:
        raise IqError(406, "not-acceptable")


class GroupSettings:
    """Changes to groups, with the check of who may make them: members, admins if the group is locked, or always admins
    only. All of them raise ``IqError`` 403 for those who may not."""

    def __init__(self, world: World, notices: GroupNotices) -> None:
        self._world = world
        self._notices = notices

    @staticmethod
    def _require_editor(group: GroupState, actor: SimAccount) -> None:
        require_member(group, actor)
        if group.locked:
            require_admin(group, actor)

    # --- what members may change unless the group is locked ---

    def set_subject(self, group: GroupState, actor: SimAccount, subject: str) -> None:
        """
        Raises:
            IqError: 403, or 406: empty or too long.
        """
        self._require_editor(group, actor)
        check_subject(subject)
        group.subject, group.subject_set_at, group.subject_set_by = subject, int(self._world.clock()), actor
        attrs: dict[str, Attr] = {
            "subject": subject,
            "s_t": str(group.subject_set_at),
            "s_o": group.name_of(actor),
            f"s_o_{group.other_form}": group.other_name_of(actor),
        }
        self._notices.tell(group, actor, Node("subject", attrs))

    def set_description(
        self, group: GroupState, actor: SimAccount, text: str, *, new_id: str = "", previous: str
    ) -> None:
        """Set the description, or remove it (empty). ``previous`` is the id of the one it replaces.

        Raises:
            IqError: 403, 406 too long, or 409: somebody else changed it meanwhile.
        """
        self._require_editor(group, actor)
        check_description(text)
        current = group.description.id if group.description else ""
        if previous != current:
            raise IqError(409, "conflict")
        new_id = new_id or self._world.new_id()
        group.description = Description(new_id, text, int(self._world.clock()), actor) if text else None
        body = Node("body", {}, text.encode()) if text else Node("delete")
        self._notices.tell(group, actor, Node("description", {"id": new_id}, [body]))

    def begin_description(self, group: GroupState, text: str, *, new_id: str) -> None:
        """The description that a group is made with; nobody is told by itself."""
        group.description = Description(new_id or self._world.new_id(), text, int(self._world.clock()), group.owner)

    def set_ephemeral(self, group: GroupState, actor: SimAccount, seconds: int) -> None:
        """
        Raises:
            IqError: 403, or 400: there is no such timer.
        """
        self._require_editor(group, actor)
        if seconds not in EPHEMERAL_SECONDS:
            raise IqError(400, "bad-request")
        group.ephemeral_seconds = seconds
        change = Node("ephemeral", {"expiration": str(seconds)}) if seconds else Node("not_ephemeral")
        self._notices.tell(group, actor, change)

    def visible_picture(self, group: GroupState, viewer: SimAccount) -> SimPicture | None:
        """The picture, ``None`` when there is none.

        Raises:
            IqError: 401, not in the group (whatsmeow ErrProfilePictureUnauthorized).
        """
        if viewer not in group.members:
            raise IqError(401, "not-authorized")
        return group.picture

    def set_picture(self, group: GroupState, actor: SimAccount, picture: SimPicture | None) -> None:
        self._require_editor(group, actor)
        group.picture = picture
        self._notices.tell_picture(group, actor)

    # --- what only admins may change ---

    def set_locked(self, group: GroupState, actor: SimAccount, *, locked: bool) -> None:
        require_admin(group, actor)
        group.locked = locked
        self._notices.tell(group, actor, Node("locked" if locked else "unlocked"))

    def set_announce(self, group: GroupState, actor: SimAccount, *, announce: bool) -> None:
        require_admin(group, actor)
        group.announce = announce
        group.announce_version += 1
        tag = "announcement" if announce else "not_announcement"
        self._notices.tell(group, actor, Node(tag, {"v_id": str(group.announce_version)}))

    def set_approval(self, group: GroupState, actor: SimAccount, *, required: bool) -> None:
        """Whether admins have to let in those who come by link. Switched off, whoever still waits is forgotten."""
        require_admin(group, actor)
        group.approval_required = required
        if not required:
            group.join_requests.clear()
        mode = Node("group_join", {"state": "on" if required else "off"})
        self._notices.tell(group, actor, Node("membership_approval_mode", {}, [mode]))

    def set_member_add_mode(self, group: GroupState, actor: SimAccount, mode: MemberAddMode) -> None:
        require_admin(group, actor)
        group.member_add_mode = mode
        self._notices.tell(group, actor, Node("member_add_mode", {}, mode.encode()))

    def set_member_link_mode(self, group: GroupState, actor: SimAccount, mode: MemberLinkMode) -> None:
        require_admin(group, actor)
        group.member_link_mode = mode
        self._notices.tell(group, actor, Node("member_link_mode", {}, mode.encode()))

    def switch(self, group: GroupState, actor: SimAccount, name: str, *, told: str) -> None:
        """Set one of the switches on or off; ``told``: the element that says which, for on it is the name."""
        require_admin(group, actor)
        if told == name:
            group.switches.add(name)
        else:
            group.switches.discard(name)
        self._notices.tell(group, actor, Node(told))
