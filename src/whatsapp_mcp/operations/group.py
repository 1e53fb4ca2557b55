"""Operations on groups."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final, Literal

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.views import Group, GroupMember
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.recipients import person, resolve
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.render import time_text
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe import group_protocol as g
from whatsapp_mcp.store.read.reader import StoreReader

__all__ = ["group_json", "group_of"]

MAX_PARTICIPANTS: Final = 1024
"""Members that a WhatsApp group can have."""
_INVITE: Final = re.compile(
    r"(?:https?://)?chat\.whatsapp\.com/(?:invite/)?([A-Za-z0-9_-]{8,64})/?(?:\?.*)?|([A-Za-z0-9_-]{16,64})"
)

_MEMBER_ERRORS: Final = {
    401: "this person blocked you",
    403: "the person's privacy settings do not allow it",
    404: "not found: not on WhatsApp, or not in the group",
    408: "the person left the group recently",
    409: "already in the group",
    419: "the group is full",
}
"""WhatsApp's codes for a participant that could not be changed (neonize: GroupParticipant.Error)."""

Change = Literal["add", "remove", "promote", "demote"]


async def group_of(services: Services, arguments: Arguments) -> Jid:
    """The group that ``group_id`` names; a person or newsletter is refused."""
    jid = await resolve(services, arguments["group_id"], field="group_id")
    if not jid.is_group:
        raise InvalidArgument("group_id: not a group", field="group_id", next_step="Take it from userMyGroups.")
    return jid


def _invite_code(link: str) -> str:
    match = _INVITE.fullmatch(link.strip())
    if match is None:
        raise InvalidArgument(
            "link: not a group invite link",
            field="link",
            next_step="Pass a link like https://chat.whatsapp.com/CODE, or its code alone.",
        )
    return match[1] or match[2]


async def _people(services: Services, arguments: Arguments) -> tuple[Jid, ...]:
    given: list[str] = arguments["participants"]
    if len(given) > MAX_PARTICIPANTS:
        raise InvalidArgument(f"participants: at most {MAX_PARTICIPANTS}", field="participants")
    people = [await person(services, entry, field="participants") for entry in given]
    return tuple(dict.fromkeys(people))


def group_json(group: Group, *, offset: int = 0) -> dict[str, Any]:
    """Field names of the seed. ``offset`` leaves out participants that were returned before."""
    return {
        "JID": str(group.jid),
        "OwnerJID": str(group.owner) if group.owner else None,
        "Name": group.name,
        "NameSetAt": time_text(group.name_set_at),
        "NameSetBy": str(group.name_set_by) if group.name_set_by else None,
        "Topic": group.topic,
        "TopicID": group.topic_id or None,
        "TopicSetAt": time_text(group.topic_set_at),
        "TopicSetBy": str(group.topic_set_by) if group.topic_set_by else None,
        "IsLocked": group.locked,
        "IsAnnounce": group.announce,
        "AnnounceVersionID": group.announce_version or None,
        "IsEphemeral": group.disappearing_timer > 0,
        "DisappearingTimer": group.disappearing_timer,
        "IsParent": group.is_parent,
        "DefaultMembershipApprovalMode": group.approval_mode or None,
        "LinkedParentJID": str(group.linked_parent) if group.linked_parent else None,
        "IsDefaultSubGroup": group.is_default_sub,
        "GroupCreated": time_text(group.created_at),
        "ParticipantVersionID": group.participant_version or None,
        "Participants": [_member_json(member) for member in group.members[offset:]],
    }


def _member_json(member: GroupMember) -> dict[str, Any]:
    return {
        "JID": str(member.jid),
        "LID": str(member.lid) if member.lid and member.lid != member.jid else None,
        "IsAdmin": member.admin,
        "IsSuperAdmin": member.super_admin,
        "DisplayName": member.display_name or None,
        "Error": member.error or None,
        "AddRequest": member.add_request,
    }


def _reason(member: GroupMember) -> str:
    text = _MEMBER_ERRORS.get(member.error, f"WhatsApp refused it (error {member.error})")
    if member.error == 403 and member.add_request:
        text += "; send an invite link (groupInviteLink) instead"
    return text


@operation("groupInfo")
async def group_info(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid = await group_of(services, arguments)
    offset = arguments.get("offset", 0)
    group = (await services.session.call(g.GetGroup(group=jid))).group
    return Outcome(
        f"The group has {len(group.members)} participants.",
        group_json(group, offset=offset),
        rows="Participants",
        offset=offset,
        untrusted=True,
    )


def _name_of(store: StoreReader, jid: Jid) -> str | None:
    return store.display_name(jid)


@operation("getGroupParticipants")
async def group_participants(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid = await group_of(services, arguments)
    offset = arguments.get("offset", 0)
    group = (await services.session.call(g.GetGroup(group=jid))).group
    rows = [
        {
            "jid": str(member.jid),
            "lid": str(member.lid) if member.lid and member.lid != member.jid else None,
            "name": services.store.look(partial(_name_of, jid=member.jid)),
            "is_admin": member.admin,
            "is_super_admin": member.super_admin,
        }
        for member in group.members[offset:]
    ]
    return Outcome(
        f"The group has {len(group.members)} participants.",
        {"group_id": str(jid), "data": rows},
        rows="data",
        offset=offset,
        untrusted=True,
    )


@operation("userMyGroups")
async def user_my_groups(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    offset = arguments.get("offset", 0)
    groups = (await services.session.call(g.ListGroups())).groups
    return Outcome(
        f"{len(groups)} groups.",
        {"data": [group_json(group) for group in groups[offset:]]},
        rows="data",
        offset=offset,
        untrusted=True,
    )


@operation("createGroup")
async def create_group(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    title = arguments["title"].strip()
    if not title:
        raise InvalidArgument("title is blank", field="title")
    people = await _people(services, arguments)
    group = (await services.session.call(g.CreateGroup(title=title, members=people))).group
    failed = [{"participant": str(member.jid), "message": _reason(member)} for member in group.members if member.error]
    message = "The group was created."
    if failed:
        message = f"The group was created, but {len(failed)} of {len(people)} people could not be added."
    return Outcome(message, {"group_id": str(group.jid), "failed": failed or None})


async def _change_members(services: Services, arguments: Arguments, change: Change, done: str) -> Outcome:
    jid = await group_of(services, arguments)
    people = await _people(services, arguments)
    command = g.ChangeMembers(group=jid, members=people, change=change)
    members = (await services.session.call(command)).members
    rows = [
        {
            "participant": str(member.jid),
            "status": "error" if member.error else "success",
            "message": _reason(member) if member.error else done,
        }
        for member in members
    ]
    failures = sum(1 for member in members if member.error)
    summary = f"{len(rows) - failures} of {len(rows)} changed." if failures else f"All {len(rows)} changed."
    return Outcome(summary, rows)


@operation("addParticipantToGroup")
async def add_participant(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    return await _change_members(services, arguments, "add", "Participant added.")


@operation("removeParticipantFromGroup")
async def remove_participant(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    return await _change_members(services, arguments, "remove", "Participant removed.")


@operation("promoteParticipantToAdmin")
async def promote_participant(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    return await _change_members(services, arguments, "promote", "Participant is an admin now.")


@operation("demoteParticipantToMember")
async def demote_participant(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    return await _change_members(services, arguments, "demote", "Participant is no admin any more.")


@operation("joinGroupWithLink")
async def join_group(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    joined = await services.session.call(g.JoinGroup(code=_invite_code(arguments["link"])))
    if joined.pending:
        return Outcome("You asked to join; an admin of the group has to approve it.", str(joined.jid))
    return Outcome("You joined the group.", str(joined.jid))


@operation("getGroupInfoFromLink")
async def group_info_from_link(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    group = (await services.session.call(g.GetGroupFromLink(code=_invite_code(arguments["link"])))).group
    return Outcome(
        "What the link tells about the group.",
        {
            "group_id": str(group.jid),
            "name": group.name,
            "topic": group.topic,
            "created_at": time_text(group.created_at),
            "participant_count": len(group.members),
            "is_locked": group.locked,
            "is_announce": group.announce,
            "is_ephemeral": group.disappearing_timer > 0,
            "description": group.topic,
        },
        untrusted=True,
    )


@operation("getGroupParticipantRequests")
async def participant_requests(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid = await group_of(services, arguments)
    offset = arguments.get("offset", 0)
    requests = (await services.session.call(g.GetJoinRequests(group=jid))).requests
    rows = [{"jid": str(one.jid), "requested_at": time_text(one.requested_at)} for one in requests[offset:]]
    return Outcome(f"{len(requests)} people ask to join.", {"data": rows}, rows="data", offset=offset)


@operation("leaveGroup")
async def leave_group(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    await services.session.call(g.LeaveGroup(group=await group_of(services, arguments)))
    return Outcome("You left the group.")


@operation("setGroupName")
async def set_group_name(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    name = arguments["name"].strip()
    if not name:
        raise InvalidArgument("name is blank", field="name")
    await services.session.call(g.ChangeGroup(group=await group_of(services, arguments), title=name))
    return Outcome("The group was renamed.")


@operation("setGroupTopic")
async def set_group_topic(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    topic = arguments.get("topic") or ""
    await services.session.call(g.ChangeGroup(group=await group_of(services, arguments), topic=topic))
    return Outcome("The description was changed." if topic else "The description was deleted.")


@operation("setGroupLocked")
async def set_group_locked(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    locked: bool = arguments["locked"]
    await services.session.call(g.ChangeGroup(group=await group_of(services, arguments), locked=locked))
    return Outcome("Only admins can edit the group now." if locked else "All participants can edit the group now.")


@operation("setGroupAnnounce")
async def set_group_announce(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    announce: bool = arguments["announce"]
    await services.session.call(g.ChangeGroup(group=await group_of(services, arguments), announce=announce))
    return Outcome("Only admins can write now." if announce else "All participants can write now.")


@operation("groupInviteLink")
async def group_invite_link(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    jid = await group_of(services, arguments)
    reset = arguments.get("reset", False)
    link = (await services.session.call(g.GetInviteLink(group=jid, reset=reset))).link
    message = "The old link is void; this is the new one." if reset else "The invite link."
    return Outcome(message, {"invite_link": link, "group_id": str(jid)})
