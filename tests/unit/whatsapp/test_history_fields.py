"""Every field of a history is read or deliberately not; and what is read of a message really changes what comes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from google.protobuf.message import Message

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change
from whatsapp_mcp.whatsapp.history import changes_from_history, fields, messages
from whatsapp_mcp.whatsapp.history.messages import Place, changes_of_message
from whatsapp_mcp.wire.protos import common, e2e, history_sync, neonize_pb2, sync_action, web

OWN = Jid.parse("12025550100@s.whatsapp.net")
ANA = Jid.parse("12025550111@s.whatsapp.net")
GROUP = Jid.parse("120363000000000001@g.us")


@pytest.mark.parametrize(
    ("kind", "read", "not_read"),
    [
        (web.WebMessageInfo, fields.MESSAGE_READ, fields.MESSAGE_NOT_READ),
        (history_sync.Conversation, fields.CHAT_READ, fields.CHAT_NOT_READ),
        (history_sync.HistorySync, fields.SYNC_READ, fields.SYNC_NOT_READ),
    ],
)
def test_every_field_is_decided(kind: type[Message], read: frozenset[str], not_read: Mapping[str, str]) -> None:
    names = {field.name for field in kind.DESCRIPTOR.fields}
    assert names == read | not_read.keys(), "a field of the protobufs wants its place in one of the lists"
    assert not read & not_read.keys()
    assert all(not_read.values())


def base(info: web.WebMessageInfo) -> None:
    info.key.ID, info.key.fromMe, info.messageTimestamp = "M1", True, 1_790_000_000
    info.message.pollCreationMessageV3.name = "When?"
    info.message.pollCreationMessageV3.options.add(optionName="Fri")


def empty(info: web.WebMessageInfo) -> None:
    info.message.Clear()


def stub(info: web.WebMessageInfo) -> None:
    empty(info)
    info.messageStubType = web.WebMessageInfo.CALL_MISSED_VOICE


def by_nobody(info: web.WebMessageInfo) -> None:
    info.key.fromMe = False


def by_ana(info: web.WebMessageInfo) -> None:
    info.key.fromMe, info.key.participant = False, str(ANA)


def key() -> common.MessageKey:
    return common.MessageKey(ID="X1", participant=str(ANA))


def vote(info: web.WebMessageInfo) -> None:
    info.pollUpdates.add(pollUpdateMessageKey=key(), vote=e2e.PollVoteMessage(selectedOptions=[bytes(32)]))


def group_renamed(info: web.WebMessageInfo) -> None:
    empty(info)
    info.messageStubType = web.WebMessageInfo.GROUP_CHANGE_SUBJECT


def deleted(info: web.WebMessageInfo) -> None:
    info.messageStubType = web.WebMessageInfo.REVOKE


SAMPLES: dict[str, tuple[Callable[[web.WebMessageInfo], object], Callable[[web.WebMessageInfo], object] | None]] = {
    "key": (lambda info: info.key.MergeFrom(common.MessageKey(ID="M2")), None),
    "message": (lambda info: info.message.MergeFrom(e2e.Message(conversation="x")), empty),
    "messageTimestamp": (lambda info: setattr(info, "messageTimestamp", 5), None),
    "status": (lambda info: setattr(info, "status", web.WebMessageInfo.READ), None),
    "participant": (lambda info: setattr(info, "participant", str(ANA)), by_nobody),
    "starred": (lambda info: setattr(info, "starred", True), None),
    "pushName": (lambda info: setattr(info, "pushName", "Ana"), None),
    "messageStubType": (lambda info: setattr(info, "messageStubType", web.WebMessageInfo.REVOKE), None),
    "messageStubParameters": (lambda info: info.messageStubParameters.append("New name"), group_renamed),
    "duration": (lambda info: setattr(info, "duration", 30), stub),
    "labels": (lambda info: info.labels.append("7"), None),
    "paymentInfo": (lambda info: info.paymentInfo.MergeFrom(web.PaymentInfo(amount1000=5000, currency="INR")), None),
    "finalLiveLocation": (
        lambda info: info.finalLiveLocation.MergeFrom(e2e.LiveLocationMessage(degreesLatitude=1, degreesLongitude=2)),
        None,
    ),
    "ephemeralDuration": (lambda info: setattr(info, "ephemeralDuration", 86400), None),
    "verifiedBizName": (lambda info: setattr(info, "verifiedBizName", "Shop"), by_ana),
    "userReceipt": (lambda info: info.userReceipt.add(userJID=str(ANA), readTimestamp=1_790_000_001), None),
    "reactions": (lambda info: info.reactions.add(key=key(), text="+"), None),
    "futureproofData": (
        lambda info: setattr(info, "futureproofData", e2e.Message(conversation="new").SerializeToString()),
        empty,
    ),
    "pollUpdates": (vote, None),
    "pollAdditionalMetadata": (lambda info: setattr(info.pollAdditionalMetadata, "pollInvalidated", True), None),
    "messageSecret": (lambda info: setattr(info, "messageSecret", bytes(range(32))), None),
    "keepInChat": (
        lambda info: info.keepInChat.MergeFrom(web.KeepInChat(keepType=e2e.KEEP_FOR_ALL, key=key())),
        None,
    ),
    "revokeMessageTimestamp": (lambda info: setattr(info, "revokeMessageTimestamp", 1_790_000_009), deleted),
    "pinInChat": (
        lambda info: info.pinInChat.MergeFrom(web.PinInChat(type=web.PinInChat.PIN_FOR_ALL, key=key())),
        None,
    ),
    "commentMetadata": (lambda info: setattr(info.commentMetadata, "replyCount", 2), None),
    "eventResponses": (
        lambda info: info.eventResponses.add(
            eventResponseMessageKey=key(),
            eventResponseMessage=e2e.EventResponseMessage(response=e2e.EventResponseMessage.GOING),
        ),
        None,
    ),
    "statusMentions": (lambda info: info.statusMentions.append(str(ANA)), None),
    "messageAddOns": (
        lambda info: info.messageAddOns.add(
            messageAddOnKey=key(), messageAddOn=e2e.Message(reactionMessage=e2e.ReactionMessage(text="+"))
        ),
        None,
    ),
    "quarantinedMessage": (lambda info: setattr(info.quarantinedMessage, "extractedText", "held back"), empty),
    "nonJIDMentions": (lambda info: setattr(info, "nonJIDMentions", 1), None),
}


def read(*steps: Callable[[web.WebMessageInfo], object] | None) -> list[Change]:
    info = web.WebMessageInfo()
    for step in (base, *steps):
        if step is not None:
            step(info)
    return list(changes_of_message(info, Place(GROUP, None, (OWN,))))


@pytest.mark.parametrize("name", sorted(fields.MESSAGE_READ))
def test_a_field_that_is_read_says_something(name: str) -> None:
    change, before = SAMPLES[name]
    assert read(before, change) != read(before)


@pytest.mark.parametrize("name", sorted(fields.MESSAGE_ITSELF))
def test_a_message_that_is_nothing_but_itself_says_what_it_says_with_all_looked_at(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, before = SAMPLES[name]
    told = read(before, change)
    monkeypatch.setattr(messages, "_BESIDE", fields.MESSAGE_READ)
    assert read(before, change) == told


def test_fields_of_the_whole() -> None:
    assert {"callLogRecords", "statusV3Messages", "inlineContacts"} <= fields.SYNC_READ
    data = history_sync.HistorySync(syncType=history_sync.HistorySync.FULL)
    record = data.callLogRecords.add(callID="C1", callCreatorJID=str(ANA), isIncoming=True, startTime=1_790_000_000)
    record.callResult = sync_action.CallLogRecord.MISSED
    data.statusV3Messages.add(
        key=common.MessageKey(ID="S1", participant=str(ANA)),
        messageTimestamp=1_790_000_000,
        message=e2e.Message(conversation="my day"),
    )
    data.inlineContacts.add(pnJID=str(ANA), lidJID="836216255121641@lid", fullName="Ana Lima", firstName="Ana")
    event = neonize_pb2.HistorySync(Data=data).SerializeToString()
    identity, contact, post, call = changes_from_history(event, OWN)
    assert "836216255121641" in repr(identity)
    assert "Ana Lima" in repr(contact)
    assert "status" in repr(post) and "my day" in repr(post)
    assert "Missed call" in repr(call)
