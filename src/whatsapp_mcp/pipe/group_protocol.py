"""Commands about groups; see :mod:`whatsapp_mcp.pipe.protocol`."""

from __future__ import annotations

from typing import Literal

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Group, GroupMember, JoinRequest
from whatsapp_mcp.pipe.protocol import Command, Done, Wire

__all__ = [
    "ChangeGroup",
    "ChangeMembers",
    "CreateGroup",
    "GetGroup",
    "GetGroupFromLink",
    "GetInviteLink",
    "GetJoinRequests",
    "JoinGroup",
    "LeaveGroup",
    "ListGroups",
    "SetGroupPhoto",
]


class GroupResult(Wire):
    group: Group


class GroupResults(Wire):
    groups: tuple[Group, ...]


class MemberResults(Wire):
    members: tuple[GroupMember, ...]


class JoinRequestResults(Wire):
    requests: tuple[JoinRequest, ...]


class InviteLink(Wire):
    link: str


class JoinedGroup(Wire):
    jid: Jid
    pending: bool
    """True: the group's admins have to approve first."""


class PictureId(Wire):
    id: str


class ListGroups(Command[GroupResults]):
    name = "list_groups"
    result = GroupResults


class GetGroup(Command[GroupResult]):
    name = "get_group"
    result = GroupResult
    group: Jid


class GetGroupFromLink(Command[GroupResult]):
    name = "get_group_from_link"
    result = GroupResult
    code: str


class CreateGroup(Command[GroupResult]):
    name = "create_group"
    result = GroupResult
    title: str
    members: tuple[Jid, ...]


class ChangeMembers(Command[MemberResults]):
    name = "change_members"
    result = MemberResults
    group: Jid
    members: tuple[Jid, ...]
    change: Literal["add", "remove", "promote", "demote"]


class JoinGroup(Command[JoinedGroup]):
    name = "join_group"
    result = JoinedGroup
    code: str


class LeaveGroup(Command[Done]):
    name = "leave_group"
    result = Done
    group: Jid


class GetJoinRequests(Command[JoinRequestResults]):
    name = "get_join_requests"
    result = JoinRequestResults
    group: Jid


class GetInviteLink(Command[InviteLink]):
    name = "get_invite_link"
    result = InviteLink
    group: Jid
    reset: bool


class ChangeGroup(Command[Done]):
    """Change one setting of a group; the fields that are None stay as they are."""

    name = "change_group"
    result = Done
    group: Jid
    title: str | None = None
    topic: str | None = None
    locked: bool | None = None
    announce: bool | None = None


class SetGroupPhoto(Command[PictureId]):
    """``path``: a square JPEG that the server process prepared; the session process only reads it."""

    name = "set_group_photo"
    result = PictureId
    group: Jid
    path: str
