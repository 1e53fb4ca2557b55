"""Which changes of the store each event means."""

from __future__ import annotations

from dataclasses import replace

import pytest
from google.protobuf.message import DecodeError

from tests.anything import of_length
from tests.unit.whatsapp.received import (
    ANA,
    ANA_LID,
    ME,
    ME_LID,
    MILLISECOND,
    SECOND,
    TEAM,
    jid,
    message_event,
    receipt_event,
    source,
    text,
    undecryptable_event,
)
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.app_state import ChatChanged
from whatsapp_mcp.models.changes import (
    Change,
    ContactSeen,
    IdentityLearned,
    MessageEdited,
    MessageReceived,
    MessageRevoked,
    PlaceholderRedeemed,
    ReactionChanged,
    ReceiptReceived,
)
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus, ReceiptKind
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.events import CONFIRMED_AT_ONCE, changes_from_event
from whatsapp_mcp.wire.protos import common, e2e, neonize_pb2

TEXT = Content(MessageKind.TEXT, "hi")
TYPE = e2e.ProtocolMessage.Type


def of_message(payload: bytes) -> list[Change]:
    return changes_from_event(EventCode.MESSAGE, payload)


def received(**fields: object) -> MessageReceived:
    base: dict[str, object] = {
        "id": "M1",
        "chat": ANA,
        "sender": ANA,
        "timestamp": MILLISECOND,
        "content": TEXT,
        "push_name": "Ana",
        "raw": text().SerializeToString(),
    }
    return MessageReceived(**(base | fields))  # type: ignore[arg-type]


# ---- messages -------------------------------------------------------------------------------------------------------


def test_from_a_person_addressed_by_number() -> None:
    changes = of_message(message_event(text(), source(ANA, replace(ANA, device=3))))
    assert changes == [ContactSeen(ANA, push_name="Ana"), received()]


def test_from_a_person_addressed_by_number_whose_lid_is_told() -> None:
    changes = of_message(message_event(text(), source(ANA, ANA, sender_alt=replace(ANA_LID, device=3))))
    assert IdentityLearned(lid=ANA_LID, number=ANA) in changes
    assert changes[-1] == received(chat_alt=ANA_LID, sender_alt=ANA_LID)


def test_from_a_person_addressed_by_lid() -> None:
    changes = of_message(message_event(text(), source(ANA_LID, replace(ANA_LID, device=3), sender_alt=ANA)))
    assert IdentityLearned(lid=ANA_LID, number=ANA) in changes
    assert changes[-1] == received(chat=ANA_LID, sender=ANA_LID, chat_alt=ANA, sender_alt=ANA)


def test_own_message_from_the_phone() -> None:
    where = source(ANA_LID, ME_LID, from_me=True, sender_alt=ME, recipient_alt=ANA)
    changes = of_message(message_event(text(), where, push_name="Me"))
    assert set(map(type, changes)) == {IdentityLearned, MessageReceived}, "the own name is no contact"
    assert {change for change in changes if isinstance(change, IdentityLearned)} == {
        IdentityLearned(lid=ANA_LID, number=ANA),
        IdentityLearned(lid=ME_LID, number=ME),
    }
    assert changes[-1] == received(
        chat=ANA_LID,
        sender=ME_LID,
        from_me=True,
        chat_alt=ANA,
        sender_alt=ME,
        push_name="Me",
        status=DeliveryStatus.SENT,
    )


def test_in_a_group() -> None:
    changes = of_message(message_event(text(), source(TEAM, replace(ANA_LID, device=3), sender_alt=ANA)))
    assert changes == [
        IdentityLearned(lid=ANA_LID, number=ANA),
        ContactSeen(ANA_LID, push_name="Ana"),
        received(chat=TEAM, sender=ANA_LID, sender_alt=ANA),
    ]


def test_status_update() -> None:
    changes = of_message(message_event(text(), source(STATUS_BROADCAST, ANA, sender_alt=ANA_LID)))
    assert changes[-1] == received(chat=STATUS_BROADCAST, sender_alt=ANA_LID)


def test_two_forms_of_one_kind_teach_nothing() -> None:
    changes = of_message(message_event(text(), source(ANA, ANA, sender_alt=ANA)))
    assert not any(isinstance(change, IdentityLearned) for change in changes)


def test_without_push_name() -> None:
    [change] = of_message(message_event(text(), source(ANA, ANA), push_name=""))
    assert change == received(push_name=None)


def test_view_once_that_was_unwrapped_by_whatsmeow() -> None:
    picture = e2e.Message(imageMessage=e2e.ImageMessage(caption="look"))
    changes = of_message(message_event(picture, source(ANA, ANA), view_once=True))
    message = changes[-1]
    assert isinstance(message, MessageReceived)
    assert message.content == Content(MessageKind.IMAGE, "look", media=message.content.media, view_once=True)


@pytest.mark.parametrize(
    "kind", [TYPE.HISTORY_SYNC_NOTIFICATION, TYPE.APP_STATE_SYNC_KEY_SHARE, TYPE.PEER_DATA_OPERATION_REQUEST_MESSAGE]
)
def test_protocol_traffic_changes_nothing(kind: int) -> None:
    message = e2e.Message(protocolMessage=e2e.ProtocolMessage(type=kind))  # type: ignore[arg-type]
    assert of_message(message_event(message, source(ME, ME, from_me=True))) == []


def test_what_a_protocol_message_tells_a_person_is_a_message() -> None:
    mention = e2e.Message()
    mention.statusMentionMessage.message.protocolMessage.type = TYPE.STATUS_MENTION_MESSAGE
    message = of_message(message_event(mention, source(ANA, ANA)))[-1]
    assert isinstance(message, MessageReceived)
    assert message.content.kind is MessageKind.OTHER
    assert message.content.extra["note"] == "Mentioned you in a status update."


def test_sender_key_alone_changes_nothing_but_the_name() -> None:
    message = e2e.Message(senderKeyDistributionMessage=e2e.SenderKeyDistributionMessage(groupID=str(TEAM)))
    assert of_message(message_event(message, source(TEAM, ANA))) == [ContactSeen(ANA, push_name="Ana")]


# ---- what happens to messages ---------------------------------------------------------------------------------------


def edit(words: str) -> e2e.ProtocolMessage:
    return e2e.ProtocolMessage(
        type=TYPE.MESSAGE_EDIT, key=common.MessageKey(ID="M0", fromMe=True), editedMessage=text(words)
    )


@pytest.mark.parametrize("wrapped", [False, True], ids=["unwrapped", "wrapped"])
@pytest.mark.parametrize("flag", [False, True], ids=["plain", "IsEdit"])
def test_edit(*, wrapped: bool, flag: bool) -> None:
    message = e2e.Message(protocolMessage=edit("new"))
    if wrapped:
        message = e2e.Message(editedMessage=e2e.FutureProofMessage(message=message))
    changes = of_message(message_event(message, source(ANA_LID, ANA_LID, sender_alt=ANA), message_id="E1", edit=flag))
    assert changes[-1] == MessageEdited(
        ANA_LID, "M0", ANA_LID, Content(MessageKind.TEXT, "new"), MILLISECOND, chat_alt=ANA
    )


def test_edit_that_arrives_as_the_new_message() -> None:
    changes = of_message(message_event(text("new"), source(ANA, ANA), message_id="M0", edit=True))
    assert changes[-1] == MessageEdited(ANA, "M0", ANA, Content(MessageKind.TEXT, "new"), MILLISECOND)
    assert not any(isinstance(change, MessageReceived) for change in changes)


def test_edit_without_content_changes_nothing() -> None:
    empty = e2e.ProtocolMessage(type=TYPE.MESSAGE_EDIT, key=common.MessageKey(ID="M0"))
    changes = of_message(message_event(e2e.Message(protocolMessage=empty), source(ANA, ANA), push_name=""))
    assert changes == []


def test_revoke() -> None:
    protocol = e2e.ProtocolMessage(type=TYPE.REVOKE, key=common.MessageKey(ID="M0"))
    changes = of_message(
        message_event(e2e.Message(protocolMessage=protocol), source(TEAM, ANA_LID, sender_alt=ANA), message_id="R1")
    )
    assert changes[-1] == MessageRevoked(TEAM, "M0", ANA_LID, MILLISECOND)


def test_reaction_to_no_message_changes_nothing() -> None:
    message = e2e.Message(reactionMessage=e2e.ReactionMessage(text="👍"))
    assert of_message(message_event(message, source(ANA, ANA), push_name="")) == []


@pytest.mark.parametrize("kind", [TYPE.REVOKE, TYPE.MESSAGE_EDIT])
def test_revoke_and_edit_of_no_message_change_nothing(kind: int) -> None:
    protocol = e2e.ProtocolMessage(type=kind, editedMessage=text("new"))  # type: ignore[arg-type]
    assert of_message(message_event(e2e.Message(protocolMessage=protocol), source(ANA, ANA), push_name="")) == []


@pytest.mark.parametrize("emoji", ["👍", ""])
def test_reaction(emoji: str) -> None:
    message = e2e.Message(reactionMessage=e2e.ReactionMessage(key=common.MessageKey(ID="M0"), text=emoji))
    changes = of_message(message_event(message, source(ANA_LID, ANA_LID, sender_alt=ANA), message_id="X1"))
    assert changes[-1] == ReactionChanged(
        chat=ANA_LID,
        message_id="M0",
        sender=ANA_LID,
        emoji=emoji,
        timestamp=MILLISECOND,
        chat_alt=ANA,
        sender_alt=ANA,
    )


@pytest.mark.parametrize("seconds", [0, 86400])
def test_disappearing_messages(seconds: int) -> None:
    protocol = e2e.ProtocolMessage(type=TYPE.EPHEMERAL_SETTING, ephemeralExpiration=seconds)
    changes = of_message(message_event(e2e.Message(protocolMessage=protocol), source(ANA, ANA, sender_alt=ANA_LID)))
    assert changes[-1] == ChatChanged(ANA, ANA_LID, ephemeral_expiration=seconds)


# ---- receipts -------------------------------------------------------------------------------------------------------

RECEIPTS = {
    "DELIVERED": (ReceiptKind.DELIVERED, False),
    "READ": (ReceiptKind.READ, False),
    "PLAYED": (ReceiptKind.PLAYED, False),
    "READ_SELF": (ReceiptKind.READ, True),
    "PLAYED_SELF": (ReceiptKind.PLAYED, True),
}


@pytest.mark.parametrize("name", neonize_pb2.Receipt.ReceiptType.keys())
def test_receipts(name: str) -> None:
    payload = receipt_event(
        neonize_pb2.Receipt.ReceiptType.Value(name), source(ANA, replace(ANA, device=2)), "M1", "M2"
    )
    changes = changes_from_event(EventCode.RECEIPT, payload)
    if name not in RECEIPTS:
        assert changes == []
        return
    kind, about_us = RECEIPTS[name]
    assert changes == [ReceiptReceived(ANA, ANA, ("M1", "M2"), kind, SECOND * 1000, from_me=about_us)]


def test_a_receipt_without_end_is_cut() -> None:
    ids = [f"M{number}" for number in range(CONFIRMED_AT_ONCE + 1)]
    payload = receipt_event(neonize_pb2.Receipt.ReceiptType.Value("READ"), source(ANA, ANA), *ids)
    (receipt,) = changes_from_event(EventCode.RECEIPT, payload)
    assert isinstance(receipt, ReceiptReceived)
    assert receipt.message_ids == tuple(ids[:-1])


def test_receipt_in_a_group() -> None:
    payload = receipt_event(neonize_pb2.Receipt.ReceiptType.Value("READ"), source(TEAM, ANA_LID, sender_alt=ANA), "M1")
    assert changes_from_event(EventCode.RECEIPT, payload) == [
        IdentityLearned(lid=ANA_LID, number=ANA),
        ReceiptReceived(TEAM, ANA_LID, ("M1",), ReceiptKind.READ, SECOND * 1000, sender_alt=ANA),
    ]


def test_receipt_of_our_reading_on_the_phone() -> None:
    where = source(ANA_LID, ME_LID, from_me=True, recipient_alt=ANA)
    payload = receipt_event(neonize_pb2.Receipt.ReceiptType.Value("READ_SELF"), where, "M1")
    assert changes_from_event(EventCode.RECEIPT, payload)[-1] == ReceiptReceived(
        ANA_LID, ME_LID, ("M1",), ReceiptKind.READ, SECOND * 1000, from_me=True, chat_alt=ANA
    )


def test_a_receipt_type_that_is_not_in_the_enum_changes_nothing() -> None:
    good = receipt_event(neonize_pb2.Receipt.ReceiptType.Value("READ"), source(ANA, ANA), "M1")
    assert good.endswith(b"\x04")
    assert changes_from_event(EventCode.RECEIPT, good[:-1] + b"\x63") == []


# ---- the rest -------------------------------------------------------------------------------------------------------


def test_undecryptable_message() -> None:
    changes = changes_from_event(EventCode.UNDECRYPTABLE, undecryptable_event(source(ANA, ANA, sender_alt=ANA_LID)))
    assert changes == [
        IdentityLearned(lid=ANA_LID, number=ANA),
        received(content=Content(MessageKind.UNDECRYPTABLE), chat_alt=ANA_LID, sender_alt=ANA_LID, raw=b""),
    ]


@pytest.mark.parametrize("what", [{"hidden": True}, {"category": "peer"}])
def test_what_is_no_message_of_its_own_makes_no_placeholder(what: dict[str, bool | str]) -> None:
    event = undecryptable_event(source(ANA, ANA), **what)  # type: ignore[arg-type]
    assert changes_from_event(EventCode.UNDECRYPTABLE, event) == [PlaceholderRedeemed(ANA, "M1", ANA)]


@pytest.mark.parametrize(
    ("told", "why", "view_once"),
    [({"M1": "view_once"}, "view_once", True), ({"M1": "bot"}, "bot", False), ({"M2": "view_once"}, True, False)],
)
def test_what_linked_devices_get_nothing_of(told: dict[str, str], why: object, *, view_once: bool) -> None:
    event = undecryptable_event(source(ANA, ANA), unavailable=True)
    (change,) = changes_from_event(EventCode.UNDECRYPTABLE, event, (), told)
    assert change == received(
        content=Content(MessageKind.UNDECRYPTABLE, extra={"unavailable": why}, view_once=view_once), raw=b""
    )
    other = undecryptable_event(source(ANA, ANA))
    (change,) = changes_from_event(EventCode.UNDECRYPTABLE, other, (), told)
    assert change == received(content=Content(MessageKind.UNDECRYPTABLE), raw=b""), "only WhatsApp's own word counts"


# ---- broadcast lists ------------------------------------------------------------------------------------------------

LIST = Jid("1795800000", "broadcast")


def test_a_broadcast_list_is_in_the_chat_with_its_author() -> None:
    where = source(LIST, ANA_LID, sender_alt=ANA)
    changes = of_message(message_event(text(), where))
    content = Content(MessageKind.TEXT, "hi", extra={"broadcast_list": str(LIST)})
    assert changes[-1] == received(chat=ANA_LID, sender=ANA_LID, chat_alt=ANA, sender_alt=ANA, content=content)
    (_, placeholder) = changes_from_event(EventCode.UNDECRYPTABLE, undecryptable_event(where))
    assert isinstance(placeholder, MessageReceived)
    assert (placeholder.chat, placeholder.chat_alt) == (ANA_LID, ANA)


def test_our_own_broadcast_list_is_in_its_own_chat_and_in_those_of_its_people() -> None:
    where = source(LIST, ME, from_me=True)
    where.BroadcastRecipients.add(LID=jid(ANA_LID), PN=jid(ANA))
    changes = of_message(message_event(text(), where))
    assert [(one.chat, one.chat_alt) for one in changes if isinstance(one, MessageReceived)] == [
        (LIST, None),
        (ANA_LID, ANA),
    ]


def test_receipts_in_broadcast_lists() -> None:
    kinds = neonize_pb2.Receipt.ReceiptType
    by_ana = changes_from_event(EventCode.RECEIPT, receipt_event(kinds.READ, source(LIST, ANA), "M1"))
    assert [one.chat for one in by_ana if isinstance(one, ReceiptReceived)] == [ANA, LIST], "of a message of ours"
    where = source(LIST, ME, from_me=True)
    where.BroadcastListOwner.CopyFrom(jid(ANA))
    (by_us,) = changes_from_event(EventCode.RECEIPT, receipt_event(kinds.READ, where, "M1"))
    assert isinstance(by_us, ReceiptReceived)
    assert (by_us.chat, by_us.from_me) == (ANA, True), "of one that Ana sent to a list"


def test_a_hosted_device_is_one_of_its_person() -> None:
    changes = of_message(message_event(text(), source(ANA, Jid(ANA_LID.user, "hosted.lid", 99))))
    assert isinstance(changes[-1], MessageReceived)
    assert changes[-1].sender == ANA_LID


@pytest.mark.parametrize("code", [EventCode.CONNECTED, EventCode.HISTORY_SYNC, 27, 999])
def test_other_events_change_nothing(code: int) -> None:
    assert changes_from_event(code, b"whatever") == []


def test_an_unreadable_event_is_an_error_of_that_event() -> None:
    with pytest.raises(DecodeError):
        changes_from_event(EventCode.MESSAGE, b"\xff\xff")


def test_a_newsletter_post() -> None:
    channel = Jid("120363000000000002", "newsletter")
    changes = of_message(message_event(text(), source(channel, channel), push_name=""))
    assert changes == [received(chat=channel, sender=channel, push_name=None)]


def test_a_post_knows_its_number() -> None:
    channel = Jid("120363000000000002", "newsletter")
    event = neonize_pb2.Message.FromString(message_event(text(), source(channel, channel), push_name=""))
    event.Info.ServerID = 103
    (post,) = of_message(event.SerializeToString())
    assert isinstance(post, MessageReceived)
    assert post.content.extra == {"server_id": 103}


def test_following_a_newsletter_and_leaving_it() -> None:
    channel = Jid("120363000000000002", "newsletter")
    joined = neonize_pb2.NewsletterJoin()
    joined.NewsletterMetadata.ID.CopyFrom(jid(channel))
    joined.NewsletterMetadata.ThreadMeta.Name.Text = "News"
    changes = changes_from_event(EventCode.NEWSLETTER_JOIN, joined.SerializePartialToString())
    assert changes == [ChatChanged(channel, name="News", is_member=True)]
    left = neonize_pb2.NewsletterLeave(ID=jid(channel)).SerializePartialToString()
    assert changes_from_event(EventCode.NEWSLETTER_LEAVE, left) == [ChatChanged(channel, is_member=False)]


def test_an_edited_post_of_a_newsletter() -> None:
    channel = Jid("120363000000000002", "newsletter")
    for where, is_edit in ((source(channel, channel), True), (source(ANA, ANA), False)):
        event = neonize_pb2.Message.FromString(message_event(text("final"), where, push_name=""))
        event.Info.Edit = "3"
        post, *edited = of_message(event.SerializeToString())
        assert isinstance(post, MessageReceived)
        edit = MessageEdited(channel, post.id, channel, post.content, post.timestamp)
        assert edited == ([edit] if is_edit else []), "people edit otherwise"


def test_what_is_too_large_to_be_a_message_has_its_place_and_is_not_read() -> None:
    cards = of_length(13, b"\x12\x00" * (1 << 19))  # a contactsArrayMessage of half a million empty contacts
    event = message_event(e2e.Message(), source(ANA, ANA)) + of_length(2, cards)
    row = changes_from_event(EventCode.MESSAGE, event)[-1]
    assert isinstance(row, MessageReceived)
    assert (row.content, row.raw) == (Content.unreadable("it is too large"), b"")
    smaller = message_event(e2e.Message(conversation="x" * 70_000), source(ANA, ANA))
    row = changes_from_event(EventCode.MESSAGE, smaller)[-1]
    assert isinstance(row, MessageReceived)
    assert len(row.content.text) == 65_536
