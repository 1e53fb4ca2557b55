"""Whatever WhatsApp answers is read, or refused with an error of ours, and passes the pipe; one bad entry of a list
costs nothing but itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.message import Message
from pydantic import TypeAdapter

from tests.anything import anything
from tests.unit.whatsapp.fake_client import FakeClient
from tests.unit.whatsapp.received import ANA, TEAM
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.models.changes import ContactSeen
from whatsapp_mcp.models.views import (
    Device,
    Group,
    GroupMember,
    JoinRequest,
    Newsletter,
    NewsletterPost,
    NumberCheck,
    Person,
    Picture,
)
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.addresses import to_proto
from whatsapp_mcp.whatsapp.groups import Groups
from whatsapp_mcp.whatsapp.profiles import Profiles
from whatsapp_mcp.wire.protos import neonize_pb2 as pb

Read = Callable[[FakeClient], object]


def _profiles(client: FakeClient) -> Profiles:
    return Profiles(client, Account(client))


CALLS: dict[str, tuple[type[Message], Read, Any]] = {
    "GetJoinedGroups": (pb.GetJoinedGroupsReturnFunction, lambda go: Groups(go).joined(), list[Group]),
    "GetGroupInfo": (pb.GetGroupInfoReturnFunction, lambda go: Groups(go).info(TEAM), Group),
    "UpdateGroupParticipants": (
        pb.UpdateGroupParticipantsReturnFunction,
        lambda go: Groups(go).change_members(TEAM, [ANA], "add"),
        list[GroupMember],
    ),
    "GetGroupRequestParticipants": (
        pb.GetGroupRequestParticipantsReturnFunction,
        lambda go: Groups(go).join_requests(TEAM),
        list[JoinRequest],
    ),
    "GetAllContacts": (
        pb.ContactsGetAllContactsReturnFunction,
        lambda go: Account(go).contacts(),
        list[ContactSeen],
    ),
    "GetUserInfo": (pb.GetUserInfoReturnFunction, lambda go: Account(go).person(ANA), Person),
    "IsOnWhatsApp": (pb.IsOnWhatsAppReturnFunction, lambda go: Account(go).check_numbers(["49151"]), list[NumberCheck]),
    "GetMe": (pb.Device, lambda go: Account(go).device(), Device),
    "GetProfilePicture": (
        pb.GetProfilePictureReturnFunction,
        lambda go: _profiles(go).picture(ANA, preview=False, community=False),
        Picture,
    ),
    "GetSubscribedNewsletters": (
        pb.GetSubscribedNewslettersReturnFunction,
        lambda go: _profiles(go).newsletters(),
        list[Newsletter],
    ),
    "GetNewsletterMessageUpdate": (
        pb.GetNewsletterMessageUpdateReturnFunction,
        lambda go: _profiles(go).newsletter_posts(TEAM, count=5, before=0),
        list[NewsletterPost],
    ),
}


@pytest.mark.parametrize("function", CALLS)
@pytest.mark.parametrize("seed", range(12))
def test_any_answer(function: str, seed: int) -> None:
    kind, read, result = CALLS[function]
    answer = anything(random.Random(seed), kind.DESCRIPTOR, fields=10)
    try:
        found = read(FakeClient(**{function: answer}))
    except WhatsAppMcpError as error:
        error.message.encode()
        return
    adapter: TypeAdapter[object] = TypeAdapter(result)
    assert adapter.validate_json(adapter.dump_json(found)) == found


def test_one_member_without_address() -> None:
    answer = pb.GetGroupInfoReturnFunction()
    answer.GroupInfo.JID.CopyFrom(to_proto(TEAM))
    for user in ("4915100000001", "not a number\n", "4915100000002"):
        member = answer.GroupInfo.Participants.add()
        member.JID.User, member.JID.Server = user, "s.whatsapp.net"
    group = Groups(FakeClient(GetGroupInfo=answer.SerializePartialToString())).info(TEAM)
    assert [member.jid.user for member in group.members] == ["4915100000001", "4915100000002"]
