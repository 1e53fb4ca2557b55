"""Commands about groups."""

from __future__ import annotations

from typing import Literal

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Group, GroupMember, JoinRequest
from whatsapp_mcp.pipe.command import Command, Wire


class JoinedGroup(Wire):
    jid: Jid
    pending: bool
    """True: the group's admins have to approve first."""


class ListGroups(Command[tuple[Group, ...]]): ...


class SyncGroups(Command[None]):
    """Learn which groups we are in, what they are called and who is in them, unless that was done lately."""


class GetGroup(Command[Group]):
    group: Jid


class GetGroupFromLink(Command[Group]):
    code: str


class CreateGroup(Command[Group]):
    title: str
    members: tuple[Jid, ...]


class ChangeMembers(Command[tuple[GroupMember, ...]]):
    group: Jid
    members: tuple[Jid, ...]
    change: Literal["add", "remove", "promote", "demote"]


class JoinGroup(Command[JoinedGroup]):
    code: str


class LeaveGroup(Command[None]):
    group: Jid


class GetJoinRequests(Command[tuple[JoinRequest, ...]]):
    group: Jid


class GetInviteLink(Command[str]):
    group: Jid
    reset: bool


class ChangeGroup(Command[None]):
    """Change one setting of a group; the fields that are None stay as they are."""

    group: Jid
    title: str | None = None
    topic: str | None = None
    locked: bool | None = None
    announce: bool | None = None


class SetGroupPhoto(Command[str]):
    """``path``: a square JPEG that the server process prepared; the session process only reads it. Answered with the
    picture's id."""

    group: Jid
    path: str
