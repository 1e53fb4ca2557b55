"""What happens in a group: from notifications and from the stubs of a history, as facts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.whatsapp.received import (
    ANA,
    ANA_LID,
    ME,
    ME_LID,
    SECOND,
    TEAM,
    empty_jid,
    group_event,
    group_named,
    jid,
    joined_event,
)
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import Change, IdentityLearned, MessageReceived, NumberChanged
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.notices import Happening as H
from whatsapp_mcp.models.notices import Notice
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.events import changes_from_event
from whatsapp_mcp.whatsapp.notices import Stub, stub_notice
from whatsapp_mcp.wire.protos import neonize_pb2

BEN = Jid("100000000000002", "lid")
CLEO = Jid("100000000000003", "lid")
OWN = (ME, ME_LID)


def of_event(**changed: Any) -> list[Change]:
    return changes_from_event(EventCode.GROUP_INFO, group_event(**changed), OWN)


def row(notice: Notice) -> MessageReceived:
    return notice.received(TEAM, SECOND * 1000)


def node(tag: str, *people: Jid, content: bytes = b"") -> Any:
    children = [
        neonize_pb2.Node(Tag="requested_user", Attrs=[neonize_pb2.NodeAttrs(name="jid", jid=jid(one))])
        for one in people
    ]
    return neonize_pb2.Node(Tag=tag, Nodes=children, Bytes=content)


HAPPENED: dict[str, tuple[dict[str, Any], Notice]] = {
    "added": ({"Sender": jid(ANA_LID), "Join": [jid(BEN), jid(CLEO)]}, Notice(H.ADDED, ANA_LID, (BEN, CLEO))),
    "came by link": ({"Sender": jid(BEN), "Join": [jid(BEN)], "JoinReason": "invite"}, Notice(H.JOINED, people=(BEN,))),
    "left": ({"Sender": jid(BEN), "Leave": [jid(BEN)]}, Notice(H.LEFT, people=(BEN,))),
    "removed": ({"Sender": jid(ANA_LID), "Leave": [jid(BEN)]}, Notice(H.REMOVED, ANA_LID, (BEN,))),
    "removed by nobody who is told": ({"Leave": [jid(BEN)]}, Notice(H.REMOVED, None, (BEN,))),
    "promoted": ({"Sender": jid(ANA_LID), "Promote": [jid(BEN)]}, Notice(H.PROMOTED, ANA_LID, (BEN,))),
    "demoted": ({"Sender": jid(ANA_LID), "Demote": [jid(BEN)]}, Notice(H.DEMOTED, ANA_LID, (BEN,))),
    "locked": (
        {"Sender": jid(ANA_LID), "Locked": neonize_pb2.GroupLocked(isLocked=True)},
        Notice(H.LOCKED, ANA_LID),
    ),
    "all write": (
        {"Sender": jid(ANA_LID), "Announce": neonize_pb2.GroupAnnounce(IsAnnounce=False, AnnounceVersionID="2")},
        Notice(H.ALL_WRITE, ANA_LID),
    ),
    "described": (
        {
            "Sender": jid(ANA_LID),
            "Topic": neonize_pb2.GroupTopic(
                Topic="Be kind", TopicID="T", TopicSetAt=SECOND, TopicSetBy=jid(ANA_LID), TopicDeleted=False
            ),
        },
        Notice(H.DESCRIBED, ANA_LID, text="Be kind"),
    ),
    "invite link": ({"NewInviteLink": "https://chat.whatsapp.com/secret"}, Notice(H.LINK_RESET)),
    "asks to join": (
        {"Sender": jid(BEN), "UnknownChanges": [node("created_membership_requests", BEN)]},
        Notice(H.ASKED, people=(BEN,)),
    ),
    "who may add": (
        {"Sender": jid(ANA_LID), "UnknownChanges": [node("member_add_mode", content=b"all_member_add")]},
        Notice(H.ALL_ADD, ANA_LID),
    ),
}


@pytest.mark.parametrize("name", HAPPENED)
def test_what_happened(name: str) -> None:
    changed, notice = HAPPENED[name]
    assert of_event(**changed) == [row(notice)]


def test_renamed() -> None:
    assert of_event(Sender=jid(ANA_LID), **group_named("New name")) == [
        ChatChanged(TEAM, name="New name"),
        row(Notice(H.RENAMED, ANA_LID, text="New name")),
    ]


@pytest.mark.parametrize("seconds", [0, 604800])
def test_disappearing_messages(seconds: int) -> None:
    timer = neonize_pb2.GroupEphemeral(IsEphemeral=seconds > 0, DisappearingTimer=seconds)
    notice = Notice(H.TIMER, ANA_LID, seconds=seconds) if seconds else Notice(H.TIMER_OFF, ANA_LID)
    assert of_event(Sender=jid(ANA_LID), Ephemeral=timer) == [
        ChatChanged(TEAM, ephemeral_expiration=seconds),
        row(notice),
    ]


def test_a_member_has_another_number() -> None:
    new = Jid("4915100000077", "s.whatsapp.net")
    assert of_event(Sender=jid(ANA), UnknownChanges=[node("modify", new)]) == [
        NumberChanged(ANA, new),
        row(Notice(H.NEW_NUMBER, people=(ANA,), text="+4915100000077")),
    ]
    assert of_event(Sender=jid(ANA_LID), UnknownChanges=[node("modify", BEN)]) == [
        NumberChanged(ANA_LID, BEN),
        row(Notice(H.NUMBER_CHANGED, people=(ANA_LID,))),
    ]
    for told in (
        {"Sender": jid(ANA), "UnknownChanges": [node("modify", ANA)]},
        {"UnknownChanges": [node("modify", new)]},
    ):
        assert of_event(**told) == []


def test_we_were_removed() -> None:
    assert of_event(Sender=jid(ANA_LID), Leave=[jid(ME_LID)]) == [
        ChatChanged(TEAM, is_member=False),
        row(Notice(H.REMOVED, ANA_LID, (ME_LID,))),
    ]


def test_we_were_let_in_again() -> None:
    assert of_event(Sender=jid(ANA_LID), Join=[jid(ME)])[0] == ChatChanged(TEAM, is_member=True)


def test_what_this_version_does_not_know_changes_nothing() -> None:
    assert of_event() == []
    assert of_event(UnknownChanges=[node("brand_new")]) == []


def test_an_address_that_is_none_costs_only_itself() -> None:
    broken = neonize_pb2.JID(User="not digits", Server="lid", Device=0, RawAgent=0, Integrator=0)
    assert of_event(Sender=jid(ANA_LID), Leave=[broken, jid(BEN)]) == [row(Notice(H.REMOVED, ANA_LID, (BEN,)))]


def group() -> Any:
    member = neonize_pb2.GroupParticipant(JID=jid(ANA_LID), LID=empty_jid(), PhoneNumber=jid(ANA))
    return neonize_pb2.GroupInfo(
        JID=jid(TEAM),
        GroupName=neonize_pb2.GroupName(Name="Team", NameSetAt=SECOND, NameSetBy=empty_jid()),
        GroupEphemeral=neonize_pb2.GroupEphemeral(IsEphemeral=True, DisappearingTimer=86400),
        ParticipantVersionID="7",
        Participants=[member],
    )


JOINED: dict[str, tuple[dict[str, Any], Notice]] = {
    "added": ({"Sender": jid(ANA_LID)}, Notice(H.ADDED, ANA_LID, (ME,))),
    "by link": ({"Reason": "invite", "Sender": jid(ME_LID)}, Notice(H.JOINED, people=(ME,))),
    "a new group": ({"Type": "new", "Sender": jid(ANA_LID)}, Notice(H.CREATED, ANA_LID)),
}


@pytest.mark.parametrize("name", JOINED)
def test_we_are_in_a_group(name: str) -> None:
    more, notice = JOINED[name]
    identity, chat, told = changes_from_event(EventCode.JOINED_GROUP, joined_event(group(), **more), OWN)
    assert identity == IdentityLearned(lid=ANA_LID, number=ANA)
    assert chat == ChatChanged(TEAM, name="Team", ephemeral_expiration=86400, is_member=True)
    assert isinstance(told, MessageReceived)
    assert told.content == row(notice).content


def test_a_repetition_is_the_same_row() -> None:
    """The event of coming into a group tells no time: the version of the member list tells one from another."""
    first, second = (
        changes_from_event(EventCode.JOINED_GROUP, joined_event(group(), Sender=jid(ANA_LID)), OWN)[-1]
        for _ in range(2)
    )
    assert isinstance(first, MessageReceived)
    assert isinstance(second, MessageReceived)
    assert first.id == second.id
    assert of_event(Leave=[jid(BEN)]) == of_event(Leave=[jid(BEN)])
    assert of_event(Leave=[jid(BEN)]) != of_event(Leave=[jid(CLEO)])


def test_a_notice_is_the_groups_and_nothing_to_read() -> None:
    notice = row(Notice(H.LEFT, people=(BEN,)))
    assert (notice.sender, notice.from_me, notice.from_history) == (TEAM, False, True)
    assert notice.content.kind is MessageKind.NOTICE


STUBS: dict[int, tuple[list[str], Notice | None]] = {
    Stub.GROUP_CREATE: (["Team"], Notice(H.CREATED, ANA_LID)),
    Stub.GROUP_CHANGE_SUBJECT: (["New"], Notice(H.RENAMED, ANA_LID, text="New")),
    Stub.GROUP_CHANGE_DESCRIPTION: ([""], Notice(H.DESCRIPTION_REMOVED, ANA_LID)),
    Stub.GROUP_CHANGE_RESTRICT: (["on"], Notice(H.LOCKED, ANA_LID)),
    Stub.GROUP_CHANGE_ANNOUNCE: (["off"], Notice(H.ALL_WRITE, ANA_LID)),
    Stub.GROUP_PARTICIPANT_ADD: ([str(BEN), "rubbish", str(CLEO)], Notice(H.ADDED, ANA_LID, (BEN, CLEO))),
    Stub.GROUP_PARTICIPANT_REMOVE: ([str(BEN)], Notice(H.REMOVED, ANA_LID, (BEN,))),
    Stub.GROUP_PARTICIPANT_LEAVE: ([str(ANA_LID)], Notice(H.LEFT, people=(ANA_LID,))),
    Stub.GROUP_PARTICIPANT_INVITE: ([str(BEN)], Notice(H.JOINED, people=(BEN,))),
    Stub.GROUP_PARTICIPANT_PROMOTE: ([str(BEN)], Notice(H.PROMOTED, ANA_LID, (BEN,))),
    Stub.GROUP_PARTICIPANT_DEMOTE: ([], None),
    Stub.CHANGE_EPHEMERAL_SETTING: (["86400"], Notice(H.TIMER, ANA_LID, seconds=86400)),
    Stub.GROUP_MEMBERSHIP_JOIN_APPROVAL_MODE: (["on"], Notice(H.APPROVAL, ANA_LID)),
    Stub.GROUP_MEMBERSHIP_JOIN_APPROVAL_REQUEST: (
        [str(BEN), "created", "invite_link"],
        Notice(H.ASKED, people=(BEN,)),
    ),
    Stub.GROUP_MEMBER_ADD_MODE: (["admin_add"], Notice(H.ADMINS_ADD, ANA_LID)),
    Stub.E2E_ENCRYPTED: ([], None),
    9999: (["anything"], None),
}


@pytest.mark.parametrize("stub", STUBS)
def test_stubs_of_a_history(stub: int) -> None:
    parameters, notice = STUBS[stub]
    assert stub_notice(stub, parameters, ANA_LID) == notice


def test_a_stub_and_the_notification_are_one_row() -> None:
    stub = stub_notice(Stub.GROUP_PARTICIPANT_REMOVE, [str(BEN)], ANA_LID)
    assert stub is not None
    assert [row(stub)] == of_event(Sender=jid(ANA_LID), Leave=[jid(BEN)])
