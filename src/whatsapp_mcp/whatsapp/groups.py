"""Groups through neonize: typed calls, protobuf in, models out. Every method blocks and raises a WhatsAppMcpError.

whatsmeow numbers people of a group by LID or by number (the group's addressing mode); results here name them by number
where it is known, and calls accept either.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.models.views import Group, GroupMember, JoinRequest
from whatsapp_mcp.whatsapp.addresses import from_proto, optional, readable, to_proto
from whatsapp_mcp.whatsapp.client import Client
from whatsapp_mcp.whatsapp.refusals import error_for
from whatsapp_mcp.wire.boundary import parse, seconds
from whatsapp_mcp.wire.protos import neonize_pb2

if TYPE_CHECKING:
    from neonize.proto import Neonize_pb2

MemberChange = Literal["add", "remove", "promote", "demote"]


class Groups:
    """Calls about groups on one connected client."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def joined(self) -> list[Group]:
        answer = parse(neonize_pb2.GetJoinedGroupsReturnFunction, self._client.call("GetJoinedGroups"))
        if answer.Error:
            raise error_for(answer.Error, "list the groups")
        return readable(_group, answer.Group)

    def info(self, group: Jid) -> Group:
        raw = self._client.call("GetGroupInfo", *_bytes(to_proto(group).SerializeToString()))
        return self._group_answer(raw, "describe the group")

    def info_from_link(self, code: str) -> Group:
        """``code``: the last part of an invite link."""
        return self._group_answer(self._client.call("GetGroupInfoFromLink", code.encode()), "describe the group")

    def create(self, name: str, members: Iterable[Jid]) -> Group:
        key = self._client.call("GenerateMessageID").decode()
        request = neonize_pb2.ReqCreateGroup(name=name, Participants=[to_proto(jid) for jid in members], CreateKey=key)
        return self._group_answer(
            self._client.call("CreateGroup", *_bytes(request.SerializeToString())), "create the group"
        )

    def change_members(self, group: Jid, members: Iterable[Jid], change: MemberChange) -> list[GroupMember]:
        """Per person what came of it: ``error`` is WhatsApp's code, 0 when it worked."""
        people = neonize_pb2.JIDArray(JIDS=[to_proto(jid) for jid in members]).SerializeToString()
        raw = self._client.call(
            "UpdateGroupParticipants",
            *_bytes(to_proto(group).SerializeToString()),
            *_bytes(people),
            change.encode(),
        )
        answer = parse(neonize_pb2.UpdateGroupParticipantsReturnFunction, raw)
        if answer.Error:
            raise error_for(answer.Error, f"{change} members")
        return readable(_member, answer.participants)

    def join(self, code: str) -> Jid:
        """Join by invite code; in a group with approval this only asks to join."""
        answer = parse(
            neonize_pb2.JoinGroupWithLinkReturnFunction, self._client.call("JoinGroupWithLink", code.encode())
        )
        if answer.Error:
            raise error_for(answer.Error, "join the group")
        return from_proto(answer.Jid).bare

    def leave(self, group: Jid) -> None:
        self._check(self._client.call("LeaveGroup", *_bytes(to_proto(group).SerializeToString())), "leave the group")

    def join_requests(self, group: Jid) -> list[JoinRequest]:
        raw = self._client.call("GetGroupRequestParticipants", *_bytes(to_proto(group).SerializeToString()))
        answer = parse(neonize_pb2.GetGroupRequestParticipantsReturnFunction, raw)
        if answer.Error:
            raise error_for(answer.Error, "list the requests to join")
        return readable(_join_request, answer.Participants)

    def invite_link(self, group: Jid, *, reset: bool) -> str:
        raw = self._client.call("GetGroupInviteLink", *_bytes(to_proto(group).SerializeToString()), reset)
        answer = parse(neonize_pb2.GetGroupInviteLinkReturnFunction, raw)
        if answer.Error:
            raise error_for(answer.Error, "tell the invite link")
        return answer.InviteLink

    def set_photo(self, group: Jid, jpeg: bytes) -> str:
        """Square JPEG of at most 640 pixels; returns the picture's id."""
        raw = self._client.call("SetGroupPhoto", *_bytes(to_proto(group).SerializeToString()), *_bytes(jpeg))
        answer = parse(neonize_pb2.SetGroupPhotoReturnFunction, raw)
        if answer.Error:
            raise error_for(answer.Error, "change the group's picture")
        return answer.PictureID

    def set_name(self, group: Jid, name: str) -> None:
        text = ctypes.create_string_buffer(name.encode())
        answer = self._client.call("SetGroupName", *_bytes(to_proto(group).SerializeToString()), text)
        self._check(answer, "rename the group")

    def set_topic(self, group: Jid, topic: str) -> None:
        """An empty topic deletes it. whatsmeow looks the id of the present topic up and makes the new one."""
        answer = self._client.call(
            "SetGroupTopic", *_bytes(to_proto(group).SerializeToString()), b"", b"", topic.encode()
        )
        self._check(answer, "change the group's description")

    def set_locked(self, group: Jid, *, locked: bool) -> None:
        answer = self._client.call("SetGroupLocked", *_bytes(to_proto(group).SerializeToString()), locked)
        self._check(answer, "change who may edit the group")

    def set_announce(self, group: Jid, *, announce: bool) -> None:
        answer = self._client.call("SetGroupAnnounce", *_bytes(to_proto(group).SerializeToString()), announce)
        self._check(answer, "change who may write in the group")

    def _group_answer(self, raw: bytes, action: str) -> Group:
        answer = parse(neonize_pb2.GetGroupInfoReturnFunction, raw)
        if answer.Error:
            raise error_for(answer.Error, action)
        return _group(answer.GroupInfo)

    @staticmethod
    def _check(answer: bytes, action: str) -> None:
        if answer:
            raise error_for(answer.decode("utf-8", "replace"), action)


def _bytes(data: bytes) -> tuple[bytes, int]:
    """How the C functions take a buffer."""
    return data, len(data)


def _person(jid: Jid | None, number: Jid | None = None) -> Jid | None:
    if number is not None and number.server == USER and number.user:
        return number.bare
    return jid.bare if jid is not None and jid.user else None


def _moment(when: float) -> datetime | None:
    """``when``: seconds since 1970; 0 where WhatsApp does not tell."""
    known = seconds(int(when))
    return from_ms(known * 1000) if known is not None else None


def _join_request(entry: Neonize_pb2.GroupParticipantRequest) -> JoinRequest:
    jid = from_proto(entry.Participant).bare
    return JoinRequest(jid=jid, wire_jid=jid, requested_at=from_ms(entry.TimeAt // 1000))  # microseconds in 0.5.2


def _member(member: Neonize_pb2.GroupParticipant) -> GroupMember:
    jid, lid, number = from_proto(member.JID).bare, optional(member.LID), optional(member.PhoneNumber)
    known_lid = lid.bare if lid is not None and lid.user else (jid if jid.is_lid else None)
    return GroupMember(
        jid=_person(jid, number) or jid,
        lid=known_lid,
        admin=member.IsAdmin or member.IsSuperAdmin,
        super_admin=member.IsSuperAdmin,
        display_name=member.DisplayName,
        error=member.Error,
        add_request=member.AddRequest.Code or None,
    )


def _group(info: Neonize_pb2.GroupInfo) -> Group:
    name, topic = info.GroupName, info.GroupTopic
    parent = optional(info.GroupLinkedParent.LinkedParentJID)
    return Group(
        jid=from_proto(info.JID).bare,
        name=name.Name,
        name_set_at=_moment(name.NameSetAt),
        name_set_by=_person(optional(name.NameSetBy)),
        topic="" if topic.TopicDeleted else topic.Topic,
        topic_id=topic.TopicID,
        topic_set_at=_moment(topic.TopicSetAt),
        topic_set_by=_person(optional(topic.TopicSetBy)),
        owner=_person(optional(info.OwnerJID), optional(info.OwnerPN)),
        created_at=_moment(info.GroupCreated),
        locked=info.GroupLocked.isLocked,
        announce=info.GroupAnnounce.IsAnnounce,
        announce_version=info.GroupAnnounce.AnnounceVersionID,
        disappearing_timer=info.GroupEphemeral.DisappearingTimer if info.GroupEphemeral.IsEphemeral else 0,
        is_parent=info.GroupParent.IsParent,
        linked_parent=parent.bare if parent is not None and parent.user else None,
        is_default_sub=info.GroupIsDefaultSub.IsDefaultSubGroup,
        approval_mode=info.GroupParent.DefaultMembershipApprovalMode,
        participant_version=info.ParticipantVersionID,
        members=tuple(readable(_member, info.Participants)),
    )
