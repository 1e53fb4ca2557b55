"""What happens in groups, from WhatsApp's notifications and from the stubs of a history, as facts.

whatsmeow (group.go: parseGroupChange, parseGroupCreate) reads the notifications; of a change of the approval mode and
of a suspension neonize 0.5.2 hands nothing on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.jid import LID, USER, Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import Change, IdentityLearned, NumberChanged
from whatsapp_mcp.models.notices import Happening, Notice
from whatsapp_mcp.whatsapp.addresses import from_proto, person
from whatsapp_mcp.wire import boundary
from whatsapp_mcp.wire.boundary import parse
from whatsapp_mcp.wire.protos import neonize_pb2, web

if TYPE_CHECKING:
    from neonize.proto import Neonize_pb2 as pb

H = Happening


def changes_of_group(payload: bytes, own: Sequence[Jid]) -> Iterator[Change]:
    """What a serialized ``Neonize_pb2.GroupInfoEvent`` says: changes of the chat, and a notice of each.

    Args:
        own: our own addresses, number and LID.
    """
    event = parse(neonize_pb2.GroupInfoEvent, payload)
    chat = from_proto(event.JID).bare
    name = event.Name.Name if event.HasField("Name") else ""
    timer = _timer(event.Ephemeral) if event.HasField("Ephemeral") else None
    joined, left = _people(event.Join), _people(event.Leave)
    is_member = None
    if any(jid in own for jid in joined):
        is_member = True
    elif any(jid in own for jid in left) or event.Delete.Deleted:
        is_member = False
    if name or timer is not None or is_member is not None:
        yield ChatChanged(chat, name=name or None, ephemeral_expiration=timer, is_member=is_member)
    for old, new in _renumbered(event):
        yield NumberChanged(old, new)
    moment = (boundary.seconds(event.Timestamp) or 0) * 1000
    for notice in (*_about_people(event, joined, left), *_about_settings(event)):
        yield notice.received(chat, moment or now_ms())


def changes_of_joined_group(payload: bytes, own: Sequence[Jid]) -> Iterator[Change]:
    """What a serialized ``Neonize_pb2.JoinedGroup`` says: we are in a group, and all there is to know about it but when
    we came in."""
    event = parse(neonize_pb2.JoinedGroup, payload)
    group = event.GroupInfo
    chat, by = from_proto(group.JID).bare, person(event.Sender)
    for member in group.Participants:
        yield from _both_forms(member)
    timer = group.GroupEphemeral.DisappearingTimer
    yield ChatChanged(chat, name=group.GroupName.Name or None, ephemeral_expiration=timer, is_member=True)
    if event.Type == "new":
        notice = Notice(H.CREATED, by)
    else:
        me = tuple(own[:1])
        by_link = event.Reason == "invite" or by in own
        notice = Notice(H.JOINED, people=me) if by_link else Notice(H.ADDED, by, me)
    yield notice.received(chat, now_ms(), version=group.ParticipantVersionID or "first")


def _both_forms(member: pb.GroupParticipant) -> Iterator[IdentityLearned]:
    forms = map(person, (member.JID, member.LID, member.PhoneNumber))
    known = {one.server: one for one in forms if one is not None}
    if {LID, USER} <= known.keys():
        yield IdentityLearned(lid=known[LID], number=known[USER])


def _people(jids: Iterable[pb.JID]) -> tuple[Jid, ...]:
    return tuple(jid for jid in map(person, jids) if jid is not None)


def _shown(number: Jid) -> str:
    return f"+{number.user}" if number.server == USER else ""


def _timer(ephemeral: pb.GroupEphemeral) -> int:
    return int(ephemeral.DisappearingTimer) if ephemeral.IsEphemeral else 0


def _about_people(event: pb.GroupInfoEvent, joined: tuple[Jid, ...], left: tuple[Jid, ...]) -> Iterator[Notice]:
    by = person(event.Sender)
    if joined:
        by_themselves = event.JoinReason == "invite" or by is None or joined == (by,)
        yield Notice(H.JOINED, people=joined) if by_themselves else Notice(H.ADDED, by, joined)
    if left:
        yield Notice(H.LEFT, people=left) if left == (by,) else Notice(H.REMOVED, by, left)
    if promoted := _people(event.Promote):
        yield Notice(H.PROMOTED, by, promoted)
    if demoted := _people(event.Demote):
        yield Notice(H.DEMOTED, by, demoted)
    for old, new in _renumbered(event):
        yield Notice(H.NEW_NUMBER if new.server == USER else H.NUMBER_CHANGED, people=(old,), text=_shown(new))
    for node in event.UnknownChanges:
        if node.Tag in _REQUESTS:
            asked = _people(_attribute(child, "jid") for child in node.Nodes)
            yield Notice(_REQUESTS[node.Tag], people=asked or ((by,) if by else ()))


def _renumbered(event: pb.GroupInfoEvent) -> Iterator[tuple[Jid, Jid]]:
    """Who has another address now: a change that whatsmeow does not read. Who made it goes by the old one."""
    old = person(event.Sender)
    if old is None:
        return
    for node in event.UnknownChanges:
        for child in node.Nodes if node.Tag == "modify" else ():
            if (new := person(_attribute(child, "jid"))) is not None and new != old:
                yield old, new


_REQUESTS: Final = {"created_membership_requests": H.ASKED, "revoked_membership_requests": H.WITHDREW}
"""Tags that whatsmeow does not read."""


def _attribute(node: pb.Node, name: str) -> pb.JID:
    """An address; an empty one where there is none."""
    return next((one.jid for one in node.Attrs if one.name == name), neonize_pb2.JID(IsEmpty=True))


def _about_settings(event: pb.GroupInfoEvent) -> Iterator[Notice]:
    by = person(event.Sender)
    if event.HasField("Name"):
        yield Notice(H.RENAMED, by, text=event.Name.Name)
    if event.HasField("Topic"):
        yield _described(by, "" if event.Topic.TopicDeleted else event.Topic.Topic)
    if event.HasField("Locked"):
        yield Notice(H.LOCKED if event.Locked.isLocked else H.UNLOCKED, by)
    if event.HasField("Announce"):
        yield Notice(H.ADMINS_WRITE if event.Announce.IsAnnounce else H.ALL_WRITE, by)
    if event.HasField("Ephemeral"):
        yield _timed(by, _timer(event.Ephemeral))
    if event.HasField("NewInviteLink"):
        yield Notice(H.LINK_RESET, by)
    if event.HasField("Link"):
        yield Notice(H.LINKED, by, text=event.Link.Group.GroupName.Name)
    if event.HasField("Unlink"):
        yield Notice(H.UNLINKED, by, text=event.Unlink.Group.GroupName.Name)
    if event.Delete.Deleted:
        yield Notice(H.DELETED, by)
    for node in event.UnknownChanges:
        if node.Tag == "member_add_mode":
            yield Notice(H.ALL_ADD if node.Bytes == b"all_member_add" else H.ADMINS_ADD, by)


def _described(by: Jid | None, text: str) -> Notice:
    return Notice(H.DESCRIBED, by, text=text) if text else Notice(H.DESCRIPTION_REMOVED, by)


def _timed(by: Jid | None, seconds: int) -> Notice:
    return Notice(H.TIMER, by, seconds=seconds) if seconds > 0 else Notice(H.TIMER_OFF, by)


# -- stubs of a history ------------------------------------------------------------------------------------------------

Stub = web.WebMessageInfo.StubType

_PEOPLE_STUBS: Final[dict[int, Happening]] = {
    Stub.GROUP_PARTICIPANT_ADD: H.ADDED,
    Stub.GROUP_PARTICIPANT_REMOVE: H.REMOVED,
    Stub.GROUP_PARTICIPANT_PROMOTE: H.PROMOTED,
    Stub.GROUP_PARTICIPANT_DEMOTE: H.DEMOTED,
    Stub.GROUP_PARTICIPANT_INVITE: H.JOINED,
    Stub.GROUP_PARTICIPANT_LEAVE: H.LEFT,
    Stub.GROUP_PARTICIPANT_ACCEPT: H.JOINED,
    Stub.GROUP_PARTICIPANT_LINKED_GROUP_JOIN: H.JOINED,
    Stub.GROUP_PARTICIPANT_ADD_REQUEST_JOIN: H.JOINED,
    Stub.GROUP_PARTICIPANT_CHANGE_NUMBER: H.NUMBER_CHANGED,
}
"""Their parameters are people."""
_BY_THEMSELVES: Final = frozenset({H.JOINED, H.LEFT, H.NUMBER_CHANGED, H.ASKED, H.WITHDREW})
_SWITCHES: Final[dict[int, tuple[Happening, Happening]]] = {
    Stub.GROUP_CHANGE_RESTRICT: (H.LOCKED, H.UNLOCKED),
    Stub.GROUP_CHANGE_ANNOUNCE: (H.ADMINS_WRITE, H.ALL_WRITE),
    Stub.GROUP_MEMBERSHIP_JOIN_APPROVAL_MODE: (H.APPROVAL, H.NO_APPROVAL),
    Stub.GROUP_MEMBER_ADD_MODE: (H.ALL_ADD, H.ADMINS_ADD),
}
"""What the first parameter says in words, on and off."""
_ON: Final = frozenset({"on", "true", "1", "all_member_add"})
_REQUEST_STUBS: Final = frozenset(
    {
        Stub.GROUP_MEMBERSHIP_JOIN_APPROVAL_REQUEST,
        Stub.GROUP_MEMBERSHIP_JOIN_APPROVAL_REQUEST_NON_ADMIN_ADD,
    }
)
_PLAIN: Final[dict[int, Happening]] = {
    Stub.GROUP_CREATE: H.CREATED,
    Stub.GROUP_CHANGE_ICON: H.PICTURE,
    Stub.GROUP_CHANGE_INVITE_LINK: H.LINK_RESET,
    Stub.GROUP_DELETE: H.DELETED,
}
"""Nothing but that it happened."""
_TEXTS: Final[dict[int, Callable[[Jid | None, str], Notice]]] = {
    Stub.GROUP_CHANGE_SUBJECT: lambda by, text: Notice(H.RENAMED, by, text=text),
    Stub.GROUP_CHANGE_DESCRIPTION: _described,
    Stub.CHANGE_EPHEMERAL_SETTING: lambda by, text: _timed(by, int(text) if text.isdecimal() and len(text) < 10 else 0),
}


def stub_notice(stub: int, parameters: Sequence[str], by: Jid | None) -> Notice | None:
    """What a message of a history says that is a stub (``WebMessageInfo.messageStubType``, a number that this version
    need not know); None for a stub that tells of nothing in a group.

    Args:
        parameters: ``messageStubParameters``.
        by: who did it, where the stub names somebody.
    """
    first = parameters[0] if parameters else ""
    if stub in _PEOPLE_STUBS:
        return _about(_PEOPLE_STUBS[stub], parameters, by)
    if stub in _REQUEST_STUBS:
        event = H.ASKED if parameters[1:2] in (["created"], []) else H.WITHDREW
        return _about(event, parameters[:1], by)
    if stub in _SWITCHES:
        on, off = _SWITCHES[stub]
        return Notice(on if first.lower() in _ON else off, by)
    if stub in _PLAIN:
        return Notice(_PLAIN[stub], by)
    return _TEXTS[stub](by, first) if stub in _TEXTS else None


def _about(event: Happening, parameters: Sequence[str], by: Jid | None) -> Notice | None:
    people = tuple(jid for jid in map(boundary.jid, parameters) if jid is not None and jid.is_person)
    if event is H.REMOVED and people == (by,):
        event = H.LEFT
    if event is H.ADDED and people == (by,):
        event = H.JOINED
    if event in _BY_THEMSELVES:
        people, by = people or ((by,) if by else ()), None
    return Notice(event, by, people) if people else None
