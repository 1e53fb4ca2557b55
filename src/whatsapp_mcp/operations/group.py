"""Operations on groups."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.render import group_json, member_json
from whatsapp_mcp.models.seed_rows import seed_group_json, seed_member_json
from whatsapp_mcp.operations.group_members import people_of, refusal
from whatsapp_mcp.operations.in_one_form import groups_in_one_form, named_members
from whatsapp_mcp.operations.media_files import UPLOAD_TIMEOUT, media_source
from whatsapp_mcp.operations.outcome import Outcome, Rows
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.side_login import ask, pause_note
from whatsapp_mcp.operations.targets import check_readable, group_of
from whatsapp_mcp.pipe import groups as g
from whatsapp_mcp.pipe.side_login import RemoveGroupPicture

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

_INVITE: Final = re.compile(
    r"(?:https?://)?chat\.whatsapp\.com/(?:invite/)?([A-Za-z0-9_-]{8,64})/?(?:\?.*)?|([A-Za-z0-9_-]{16,64})"
)


def _invite_code(link: str) -> str:
    match = _INVITE.fullmatch(link.strip())
    if match is None:
        raise InvalidArgument(
            "link: not a group invite link",
            field="link",
            next_step="Pass a link like https://chat.whatsapp.com/CODE, or its code alone.",
        )
    return match[1] or match[2]


@operation("groupInfo")
async def group_info(services: Services, arguments: args.GroupInfoArguments) -> Outcome:
    jid = await check_readable(services, await group_of(services, arguments["group_id"]), "group_id")
    offset = arguments["offset"]
    (group,) = await groups_in_one_form(services, [await services.session.call(g.GetGroup(group=jid))])
    members = await named_members(services, group.members[offset:])
    full = arguments["detail"] == "full"
    name, rows = (
        ("Participants", Rows(members, seed_member_json)) if full else ("participants", Rows(members, member_json))
    )
    return Outcome(
        f"The group has {len(group.members)} participants.",
        (seed_group_json(group) if full else group_json(group)) | {name: rows},
        rows=name,
        offset=offset,
        untrusted=True,
        full=full,
    )


@operation("createGroup")
async def create_group(services: Services, arguments: args.CreateGroupArguments) -> Outcome:
    title = arguments["title"].strip()
    if not title:
        raise InvalidArgument("title is blank", field="title")
    people = await people_of(services, arguments["participants"])
    group = await services.session.call(g.CreateGroup(title=title, members=people))
    refused = await named_members(services, [member for member in group.members if member.error])
    failed = [{"jid": str(one.jid), "name": one.name, "message": refusal(one)} for one in refused]
    message = "The group was created."
    if failed:
        message = f"The group was created, but {len(failed)} of {len(people)} people could not be added."
    return Outcome(message, {"group_id": str(group.jid), "failed": failed or None})


@operation("joinGroupWithLink")
async def join_group(services: Services, arguments: args.JoinGroupWithLinkArguments) -> Outcome:
    joined = await services.session.call(g.JoinGroup(code=_invite_code(arguments["link"])))
    if joined.pending:
        return Outcome("You asked to join; an admin of the group has to approve it.", str(joined.jid))
    return Outcome("You joined the group.", str(joined.jid))


@operation("getGroupInfoFromLink")
async def group_info_from_link(services: Services, arguments: args.GetGroupInfoFromLinkArguments) -> Outcome:
    group = await services.session.call(g.GetGroupFromLink(code=_invite_code(arguments["link"])))
    await check_readable(services, group.jid, "link")
    return Outcome(
        "What the link tells about the group.",
        {
            "group_id": str(group.jid),
            "name": group.name,
            "topic": group.topic,
            "created_at": group.created_at,
            "participant_count": len(group.members),
            "is_locked": group.locked,
            "is_announce": group.announce,
            "is_ephemeral": group.disappearing_timer > 0,
            "description": group.topic,
        },
        untrusted=True,
    )


@operation("leaveGroup")
async def leave_group(services: Services, arguments: args.LeaveGroupArguments) -> Outcome:
    await services.session.call(g.LeaveGroup(group=await group_of(services, arguments["group_id"])))
    return Outcome("You left the group.")


@operation("setGroupName")
async def set_group_name(services: Services, arguments: args.SetGroupNameArguments) -> Outcome:
    name = arguments["name"].strip()
    if not name:
        raise InvalidArgument("name is blank", field="name")
    await services.session.call(g.ChangeGroup(group=await group_of(services, arguments["group_id"]), title=name))
    return Outcome("The group was renamed.")


@operation("setGroupTopic")
async def set_group_topic(services: Services, arguments: args.SetGroupTopicArguments) -> Outcome:
    topic = arguments.get("topic") or ""
    await services.session.call(g.ChangeGroup(group=await group_of(services, arguments["group_id"]), topic=topic))
    return Outcome("The description was changed." if topic else "The description was deleted.")


@operation("setGroupLocked")
async def set_group_locked(services: Services, arguments: args.SetGroupLockedArguments) -> Outcome:
    locked = arguments["locked"]
    await services.session.call(g.ChangeGroup(group=await group_of(services, arguments["group_id"]), locked=locked))
    return Outcome("Only admins can edit the group now." if locked else "All participants can edit the group now.")


@operation("setGroupAnnounce")
async def set_group_announce(services: Services, arguments: args.SetGroupAnnounceArguments) -> Outcome:
    announce = arguments["announce"]
    await services.session.call(g.ChangeGroup(group=await group_of(services, arguments["group_id"]), announce=announce))
    return Outcome("Only admins can write now." if announce else "All participants can write now.")


@operation("groupInviteLink")
async def group_invite_link(services: Services, arguments: args.GroupInviteLinkArguments) -> Outcome:
    jid = await group_of(services, arguments["group_id"])
    reset = arguments["reset"]
    link = await services.session.call(g.GetInviteLink(group=jid, reset=reset))
    message = "The old link is void; this is the new one." if reset else "The invite link."
    return Outcome(message, {"invite_link": link, "group_id": str(jid)})


@operation("setGroupPhoto")
async def set_group_photo(services: Services, arguments: args.SetGroupPhotoArguments) -> Outcome:
    group = await group_of(services, arguments["group_id"])
    if not arguments.get("photo"):
        return await _remove_group_photo(services, group)
    source = await media_source(services, photo=arguments["photo"])
    async with source.as_square() as path:
        picture_id = await services.session.call(g.SetGroupPhoto(group=group, path=str(path)), timeout=UPLOAD_TIMEOUT)
    message = "The group's picture was changed."
    return Outcome(message, {"picture_id": picture_id, "message": message})


async def _remove_group_photo(services: Services, group: Jid) -> Outcome:
    answer = await ask(services, RemoveGroupPicture(group=group))
    message = f"The group's picture was removed. {pause_note(answer)}"
    return Outcome(message, {"picture_id": "remove", "message": message})
