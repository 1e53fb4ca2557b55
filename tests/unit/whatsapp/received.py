"""neonize's events as they come out of its pump: serialized protobufs with every required field set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.whatsapp.addresses import to_proto
from whatsapp_mcp.wire.protos import e2e, neonize_pb2

if TYPE_CHECKING:
    from neonize.proto.Neonize_pb2 import JID, GroupInfo, MessageInfo, MessageSource
    from neonize.proto.waE2E.WAWebProtobufsE2E_pb2 import Message

ANA = Jid("4915100000001", "s.whatsapp.net")
ANA_LID = Jid("100000000000001", "lid")
ME = Jid("4915100000009", "s.whatsapp.net")
ME_LID = Jid("100000000000009", "lid")
TEAM = Jid("120363000000000001", "g.us")
SECOND = 1_700_000_000
MILLISECOND = SECOND * 1000 + 123


def empty_jid() -> JID:
    return neonize_pb2.JID(User="", Server="", Device=0, RawAgent=0, Integrator=0, IsEmpty=True)


def jid(address: Jid | None) -> JID:
    return to_proto(address) if address else empty_jid()


def source(
    chat: Jid,
    sender: Jid,
    *,
    from_me: bool = False,
    sender_alt: Jid | None = None,
    recipient_alt: Jid | None = None,
) -> MessageSource:
    return neonize_pb2.MessageSource(
        Chat=jid(chat),
        Sender=jid(sender),
        IsFromMe=from_me,
        IsGroup=chat.is_group,
        SenderAlt=jid(sender_alt),
        RecipientAlt=jid(recipient_alt),
        BroadcastListOwner=empty_jid(),
    )


def info(where: MessageSource, *, message_id: str = "M1", push_name: str = "Ana") -> MessageInfo:
    return neonize_pb2.MessageInfo(
        MessageSource=where,
        ID=message_id,
        ServerID=0,
        Type="text",
        Pushname=push_name,
        Timestamp=MILLISECOND,
        Category="",
        Multicast=False,
        MediaType="",
        Edit="",
    )


def message_event(
    message: Message,
    where: MessageSource,
    *,
    message_id: str = "M1",
    push_name: str = "Ana",
    edit: bool = False,
    view_once: bool = False,
) -> bytes:
    return neonize_pb2.Message(
        Info=info(where, message_id=message_id, push_name=push_name),
        Message=message,
        IsEphemeral=False,
        IsViewOnce=view_once,
        IsViewOnceV2=False,
        IsViewOnceV2Extension=False,
        IsDocumentWithCaption=False,
        IsLottieSticker=False,
        IsEdit=edit,
        UnavailableRequestID="",
        RetryCount=0,
    ).SerializeToString()


def text(words: str = "hi") -> Message:
    return e2e.Message(conversation=words)


def receipt_event(kind: int, where: MessageSource, *message_ids: str) -> bytes:
    return neonize_pb2.Receipt(
        MessageSource=where,
        MessageIDs=message_ids,
        Timestamp=SECOND,
        Type=kind,  # type: ignore[arg-type]
    ).SerializeToString()


def undecryptable_event(
    where: MessageSource,
    *,
    message_id: str = "M1",
    hidden: bool = False,
    unavailable: bool = False,
    category: str = "",
) -> bytes:
    kind = neonize_pb2.UndecryptableMessage
    event = kind(
        Info=info(where, message_id=message_id),
        IsUnavailable=unavailable,
        DecryptFailMode=kind.DECRYPT_FAIL_HIDE if hidden else kind.DECRYPT_FAIL_SHOW,
    )
    event.Info.Category = category
    return event.SerializeToString()


def group_event(**changed: Any) -> bytes:
    """``changed``: fields of GroupInfoEvent."""
    event = neonize_pb2.GroupInfoEvent(
        JID=jid(TEAM),
        Notify="w:gp2",
        Timestamp=SECOND,
        PrevParticipantsVersionID="1",
        ParticipantVersionID="2",
        **{"JoinReason": "", **changed},
    )
    return event.SerializeToString()


def group_named(name: str) -> dict[str, Any]:
    return {"Name": neonize_pb2.GroupName(Name=name, NameSetAt=SECOND, NameSetBy=jid(ANA))}


def joined_event(group: GroupInfo, **more: Any) -> bytes:
    event = neonize_pb2.JoinedGroup(**{"Reason": "", "Type": "", "CreateKey": "", **more}, GroupInfo=group)
    return event.SerializePartialToString()


def call_event(call_id: str, sender: Jid, *, creator: Jid, alt: Jid | None = None, **more: Any) -> bytes:
    """CallOffer; with ``reason``, CallTerminate."""
    meta = neonize_pb2.BasicCallMeta(
        **{"from": jid(sender)}, timestamp=SECOND, callCreator=jid(creator), callCreatorAlt=jid(alt), callID=call_id
    )
    data = neonize_pb2.Node(Tag="offer", Nodes=[neonize_pb2.Node(Tag=tag) for tag in more.pop("content", ())])
    if more:
        return neonize_pb2.CallTerminate(basicCallMeta=meta, data=data, **more).SerializeToString()
    remote = neonize_pb2.CallRemoteMeta(remotePlatform="android", remoteVersion="2")
    return neonize_pb2.CallOffer(basicCallMeta=meta, callRemoteMeta=remote, data=data).SerializeToString()
