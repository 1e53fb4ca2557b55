"""What a phone knows about a message of its history: who reacted, voted, answered, got it; pins, labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.app_state import MessageLabelled
from whatsapp_mcp.models.changes import Change, ContactSeen, PersonReceipts, PollVoted, ReceiptsTold
from whatsapp_mcp.whatsapp.content import unwrap
from whatsapp_mcp.whatsapp.sealed import named_options, poll_options
from whatsapp_mcp.whatsapp.statements import Carrier, event_answer, keep, pin, reaction, statement_of
from whatsapp_mcp.wire.boundary import jid, message_id, seconds
from whatsapp_mcp.wire.message_secrets import option_hash
from whatsapp_mcp.wire.protos import e2e, web

if TYPE_CHECKING:
    from neonize.proto.waCommon.WACommon_pb2 import MessageKey
    from neonize.proto.waWeb.WAWebProtobufsWeb_pb2 import MessageAddOn, WebMessageInfo

Own = tuple[Jid, ...]


def facts_about(info: WebMessageInfo, message: Carrier, own: Own) -> Iterator[Change]:
    """All that stands on one message.

    Args:
        message: that message.
        own: our own addresses, the number first.
    """
    key = info.key
    for one in info.reactions:
        if (who := _who(one.key, one.senderTimestampMS, message, own)) is not None:
            yield from reaction(one.text, key, who, own)
    names = {option_hash(name): name for name in poll_options(info.message)} if info.pollUpdates else {}
    for update in info.pollUpdates:
        who = _who(update.pollUpdateMessageKey, update.senderTimestampMS or update.serverTimestampMS, message, own)
        if who is not None and update.HasField("vote"):
            yield _vote(named_options(update.vote.selectedOptions, names), message, who)
    for answer in info.eventResponses:
        who = _who(answer.eventResponseMessageKey, answer.timestampMS, message, own)
        if who is not None:
            yield from event_answer(answer.eventResponseMessage, key, who, own)
    for add_on in info.messageAddOns:
        yield from _add_on(add_on, info, message, own)
    yield from _pinned_and_kept(info, message, own)
    yield from _receipts(info, message, own)
    for label in info.labels:
        yield MessageLabelled(
            label, message.chat, message.id, labelled=True, timestamp=message.timestamp, author=message.sender
        )
    if info.verifiedBizName and message.sender.is_person and not message.from_me:
        yield ContactSeen(message.sender, business_name=info.verifiedBizName)


def _who(key: MessageKey, milliseconds: int, message: Carrier, own: Own) -> Carrier | None:
    """Who did something to a message, and when; None where the phone does not tell.

    Args:
        key: of what that person sent.
        milliseconds: since 1970; 0: not told, then the time of the message.
    """
    if key.fromMe:
        sender = next(iter(own), None)
    else:
        sender = jid(key.participant) or (message.chat if message.chat.is_person else None)
    if sender is None:
        return None
    at = milliseconds if seconds(milliseconds // 1000) is not None else message.timestamp
    return Carrier(
        id=message_id(key.ID),
        chat=message.chat,
        sender=sender,
        timestamp=at,
        from_me=key.fromMe,
        chat_alt=message.chat_alt,
        from_history=True,
        author=message.sender,
    )


def _vote(options: tuple[str, ...], message: Carrier, who: Carrier) -> PollVoted:
    return PollVoted(
        chat=message.chat,
        poll_id=message.id,
        voter=who.sender,
        options=options,
        timestamp=who.timestamp,
        from_me=who.from_me,
        chat_alt=message.chat_alt,
        author=message.sender,
    )


def _add_on(add_on: MessageAddOn, info: WebMessageInfo, message: Carrier, own: Own) -> Iterator[Change]:
    """The newer form of all of the above: what was sent about the message, decoded or not."""
    who = _who(add_on.messageAddOnKey, add_on.senderTimestampMS or add_on.serverTimestampMS, message, own)
    if who is None:
        return
    sent, _ = unwrap(add_on.messageAddOn)
    if add_on.legacyMessage.HasField("pollVote"):
        names = {option_hash(name): name for name in poll_options(info.message)}
        yield _vote(named_options(add_on.legacyMessage.pollVote.selectedOptions, names), message, who)
    elif add_on.legacyMessage.HasField("eventResponseMessage"):
        yield from event_answer(add_on.legacyMessage.eventResponseMessage, info.key, who, own)
    elif sent.HasField("reactionMessage"):
        yield from reaction(sent.reactionMessage.text, info.key, who, own)
    elif sent.HasField("pinInChatMessage"):
        on = sent.pinInChatMessage.type == e2e.PinInChatMessage.PIN_FOR_ALL
        lasts = add_on.addOnContextInfo.messageAddOnDurationInSecs
        yield from pin(on=on, seconds=lasts, key=info.key, carrier=who, own=own)
    else:
        yield from statement_of(sent, who, own) or ()


def _pinned_and_kept(info: WebMessageInfo, message: Carrier, own: Own) -> Iterator[Change]:
    if info.pinInChat.type:
        told = info.pinInChat
        who = _by(told.key, told.senderTimestampMS or told.serverTimestampMS, message, own)
        lasts = told.messageAddOnContextInfo.messageAddOnDurationInSecs
        on = told.type == web.PinInChat.PIN_FOR_ALL
        yield from pin(on=on, seconds=lasts, key=info.key, carrier=who, own=own)
    if info.keepInChat.keepType:
        kept = info.keepInChat
        at = kept.serverTimestampMS or kept.clientTimestampMS or kept.serverTimestamp * 1000
        who = _by(kept.key, at, message, own)
        yield from keep(on=kept.keepType == e2e.KEEP_FOR_ALL, key=info.key, carrier=who, own=own)


def _by(key: Any, milliseconds: int, message: Carrier, own: Own) -> Carrier:
    """The same as ``_who``; where it is not told, or the key is that of the message itself, the chat did it."""
    who = _who(key, milliseconds, message, own) if message_id(key.ID) != message.id else None
    if who is not None:
        return who
    at = milliseconds if seconds(milliseconds // 1000) is not None else message.timestamp
    return replace(message, sender=message.chat, from_me=False, timestamp=at, author=message.sender)


def _receipts(info: WebMessageInfo, message: Carrier, own: Own) -> Iterator[Change]:
    if not message.from_me:
        return
    told = []
    for one in info.userReceipt:
        person = jid(one.userJID)
        if person is None or not person.is_person or person in own:
            continue
        times = (one.receiptTimestamp, one.readTimestamp, one.playedTimestamp)
        told.append(PersonReceipts(person, *(at * 1000 if (at := seconds(time)) else None for time in times)))
    if told:
        yield ReceiptsTold(message.chat, message.id, tuple(told), chat_alt=message.chat_alt)
