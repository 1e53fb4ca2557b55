"""Views as the rows that tools.yaml describes: in the words of docs/glossary.md, and, where more is asked for
(``full``, ``seed_``), with every field of the API that this re-implements. The MCP face drops None and writes times.

What a row shows is bounded, whatever was stored: to make it never takes long.
"""

from __future__ import annotations

import contextlib
from collections.abc import Container, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.models.content import (
    LOST,
    QUOTED_TEXT,
    SEALED,
    TRANSCRIPT,
    TRANSCRIPT_BY_MACHINE,
    UNAVAILABLE,
    UNREADABLE,
    EventAnswer,
    MessageKind,
)
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.models.fallback import LINE_LENGTH
from whatsapp_mcp.models.views import (
    Chat,
    Contact,
    Group,
    GroupMember,
    Label,
    Line,
    Mark,
    Message,
    NameSource,
    Newsletter,
    QuotedMessage,
    Reaction,
)

LIST_LENGTH: Final = 100
"""Entries that are shown of one list of a message; a poll of WhatsApp has 12 options."""

LONG_TEXT: Final = 1_000
"""Characters; a result that is too large may show less of a longer text, which therefore says how long it is."""


_LOST: Final = (
    "The content was lost when this server crashed, and WhatsApp will not deliver it again. It is on the phone; or ask"
    " the sender for it again. The time is that of the crash, at the latest."
)
_VIEW_ONCE_ELSEWHERE: Final = (
    "A view-once message. WhatsApp gives its content to the phone alone, which shows it a single time."
)
_ON_THE_PHONE_ALONE: Final = "WhatsApp sent linked devices no content of this message; the phone may show it."
_UNDECRYPTED: Final = "The message could not be decrypted; its sender's phone was asked to send it again."


def chat_json(chat: Chat, *, full: bool = False) -> dict[str, Any]:
    row = {
        "chat_jid": str(chat.jid),
        "name": chat.name,
        "name_source": _unless_saved(chat.name_source),
        "timestamp": chat.last_message_time,
        "unread_count": chat.unread_count or None,
        "marked_unread": chat.marked_unread or None,
        "archived": chat.archived or None,
        "pinned": chat.pinned or None,
        "muted_until": chat.muted_until,
        "labels": list(chat.labels) or None,
        "ephemeral_expiration": chat.ephemeral_expiration or None,
        "left": chat.left or None,
    }
    if full:
        row |= {
            "jid": str(chat.jid),
            "lid": lid_of(chat),
            "name_source": chat.name_source,
            "last_message_time": chat.last_message_time,
            "unread_count": chat.unread_count,
            "ephemeral_expiration": chat.ephemeral_expiration,
            "created_at": chat.created_at,
            "updated_at": chat.updated_at,
        }
    return row


def label_json(label: Label) -> dict[str, Any]:
    return {
        "label_id": label.id,
        "name": label.name,
        "color": label.color,
        "chat_count": label.chat_count,
        "message_count": label.message_count,
        "chats": [{"chat_jid": str(chat.jid), "name": chat.name} for chat in label.chats],
    }


def contact_json(contact: Contact) -> dict[str, Any]:
    return {"jid": str(contact.jid), "name": contact.name, "name_source": _unless_saved(contact.name_source)}


def lid_of(one: Chat | GroupMember) -> str | None:
    return str(one.lid) if one.lid and one.lid != one.jid else None


def _unless_saved(source: NameSource | None) -> NameSource | None:
    """What needs no word: the owner chose the name."""
    return None if source == "saved" else source


def _details(message: Message, beside: Container[str]) -> dict[str, Any] | None:
    """Facts of the kind; of a poll also who chose what, of a message that cannot be read the reason. Of long lists the
    beginning, and in ``left_out`` how many entries more there are. A reply to one of the messages ``beside`` it does
    not repeat what that one says."""
    details: dict[str, Any] = dict(message.extra)
    lists: dict[str, Sequence[Any]] = {name: value for name, value in details.items() if isinstance(value, list)}
    details |= {name: value[:LIST_LENGTH] for name, value in lists.items()}
    if left_out := _left_out(message, lists):
        details["left_out"] = left_out
    details.pop(QUOTED_TEXT, None)
    details |= _times_in(details)
    if isinstance(payment := details.get("payment"), dict):
        details["payment"] = payment | _times_in(payment)
    if message.quoted is not None and (message.quoted.is_claim or message.reply_to_id not in beside):
        details["quoted"] = _quoted(message.quoted)
    if message.parts:
        details["parts"] = list(message.parts[:LIST_LENGTH])
    if message.forwarded:
        details["forwarded"] = True
    if message.seconds:
        details["seconds"] = message.seconds
    if _is_unread(message):
        details["note"] = _why_unread(message)
    if message.votes:
        details["votes"] = _votes(message)
    if message.cards:
        details["accounts"] = [{"jid": str(one.jid), "name": one.name} for one in message.cards]
    if message.answers:
        details["answers"] = _answers(message)
    for name, mark in (("pinned", message.pinned), ("kept", message.kept)):
        if mark is not None:
            details[name] = _mark(mark)
    return details or None


def _votes(message: Message) -> list[dict[str, Any]]:
    return [
        {
            "option": one.option,
            "count": one.count,
            "voters": [
                _known(jid=str(jid), name=name)
                for jid, name in list(zip_longest(one.voters, one.voter_names))[:LIST_LENGTH]
            ],
        }
        for one in message.votes[:LIST_LENGTH]
    ]


def _left_out(message: Message, lists: Mapping[str, Sequence[Any]]) -> dict[str, int]:
    """How much of long lists is not told."""
    others = {"reactions": message.reactions, "mentions": message.mentions, "votes": message.votes}
    more = {name: len(value) - LIST_LENGTH for name, value in {**lists, **others}.items()}
    more["mentions"] = max(0, more["mentions"]) + message.more_mentions
    return {name: count for name, count in more.items() if count > 0}


def _has_no_details(message: Message) -> bool:
    """As most messages."""
    said = message.extra or message.quoted or message.parts or message.votes or message.cards or message.answers
    longest = max(len(message.reactions), len(message.mentions))
    marked = message.pinned or message.kept or message.forwarded or message.seconds
    return not (said or marked or longest > LIST_LENGTH or message.more_mentions or _is_unread(message))


_TIMES: Final = frozenset({"start_time", "end_time", "moved_from", "expires", "paid_at"})
"""Facts that are times: seconds since 1970, or ISO 8601."""


def _times_in(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _moment(facts[name]) or facts[name] for name in facts.keys() & _TIMES}


def _moment(value: object) -> datetime | None:
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() < 64:
        return from_ms(value * 1000)
    with contextlib.suppress(ValueError):
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    return None


def _answers(message: Message) -> dict[str, Any]:
    """Who comes to an event and who does not."""
    people: dict[str, list[dict[str, Any]]] = {}
    for answer in EventAnswer:
        said = [one for one in message.answers if one.answer is answer]
        if said:
            people[answer.value] = [_known(jid=str(one.jid), name=one.name, guests=one.guests) for one in said]
    return {answer: one[:LIST_LENGTH] for answer, one in people.items()}


def _mark(mark: Mark) -> dict[str, Any]:
    return _known(by_jid=str(mark.by), by_name=mark.by_name, since=mark.since, until=mark.until)


def _known(**facts: Any) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if fact}


def _quoted(quoted: QuotedMessage) -> dict[str, Any]:
    """What a reply answers: ours, or what its writer says (``claimed``)."""
    facts = {
        "sender_jid": str(quoted.sender) if quoted.sender is not None else None,
        "sender_name": quoted.sender_name,
        "content": quoted.text or None,
        "revoked": quoted.revoked or None,
        "claimed": quoted.is_claim or None,
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _is_unread(message: Line) -> bool:
    """What it says is not known."""
    return message.kind is MessageKind.UNDECRYPTABLE and message.revoked_at is None


def _why_unread(message: Line) -> str:
    if SEALED in message.extra:
        return f"{message.extra[SEALED]} came and could not be opened: {message.extra[UNREADABLE]}. It is on the phone."
    if UNREADABLE in message.extra:
        return f"The message came and could not be read: {message.extra[UNREADABLE]}. It is on the phone."
    if message.extra.get(LOST):
        return _LOST
    if UNAVAILABLE in message.extra:
        return _VIEW_ONCE_ELSEWHERE if message.view_once else _ON_THE_PHONE_ALONE
    return _UNDECRYPTED


def message_json(
    message: Message, *, full: bool = False, with_chat: bool = True, beside: Container[str] = ()
) -> dict[str, Any]:
    """One message. ``full``: also what everyday tasks need not; ``with_chat``: where the chat is not told beside the
    rows, and so not the name of a chat's one other person; ``beside``: ids of the messages that are shown with it."""
    status = (message.status or DeliveryStatus.UNKNOWN) if message.from_me else None
    row = {
        "message_id": message.id,
        **(_chat(message) if with_chat or full else {}),
        **(_sender(message) if with_chat or full or message.sender != message.chat else {}),
        "content": message.text,
        "content_length": len(message.text) if len(message.text) > LONG_TEXT else None,
        "kind": None if message.kind is MessageKind.TEXT else message.kind.value,
        "timestamp": message.timestamp,
        "is_from_me": message.from_me or None,
        "reply_to_id": message.reply_to_id,
        "edited": True if message.edited_at else None,
        "revoked": True if message.revoked_at else None,
        "reactions": [_reaction(one) for one in message.reactions[:LIST_LENGTH]] or None,
        "mentions": [_known(jid=str(one.jid), name=one.name) for one in message.mentions[:LIST_LENGTH]] or None,
        "mentions_me": message.mentions_us or None,
        "status": status.value if status and _is_worth_a_word(status, message) else None,
        "filename": message.file_name,
        "file_length": message.file_length,
        "details": None if _has_no_details(message) else _details(message, () if full else beside),
        "view_once": message.view_once or None,
        "starred": message.starred or None,
        "labels": list(message.labels) or None,
    }
    return row | _everything(message, status) if full else row


def _everything(message: Message, status: DeliveryStatus | None) -> dict[str, Any]:
    return {
        "sender_jid": str(message.sender),
        "sender_name": message.sender_name,
        "sender_name_source": None if message.from_me else message.sender_name_source,
        "kind": message.kind.value,
        "is_from_me": message.from_me,
        "status": status.value if status else None,
        "media_type": message.kind.value if message.media_mimetype else None,
        "url": message.url,
        "created_at": message.created_at,
        "updated_at": message.updated_at,
    }


def _reaction(reaction: Reaction) -> dict[str, Any]:
    if reaction.from_me:
        return {"emoji": reaction.emoji, "is_from_me": True}
    return _known(emoji=reaction.emoji, sender_jid=str(reaction.sender), sender_name=reaction.sender_name)


def _is_worth_a_word(status: DeliveryStatus, message: Message) -> bool:
    """Not that it was read; and in a group not how far it got, which is another thing for everybody there."""
    if message.chat.is_group:
        return status in (DeliveryStatus.UNKNOWN, DeliveryStatus.FAILED, DeliveryStatus.PENDING)
    return status not in (DeliveryStatus.READ, DeliveryStatus.PLAYED)


def _chat(message: Line) -> dict[str, Any]:
    return {"chat_jid": str(message.chat), "chat_name": message.chat_name}


def _sender(message: Line) -> dict[str, Any]:
    """Who wrote it, if it was not the owner; in a chat with one person that is nobody else."""
    if message.from_me:
        return {}
    facts = {"sender_name": message.sender_name, "sender_name_source": _unless_saved(message.sender_name_source)}
    return facts if message.sender == message.chat else {"sender_jid": str(message.sender), **facts}


def line_json(message: Line, *, with_chat: bool = False) -> dict[str, Any]:
    """A message in few words: beside a hit, or in the inbox."""
    content = message.text
    return {
        "message_id": message.id,
        **(_chat(message) if with_chat else {}),
        **(_sender(message) if with_chat else {"sender_name": None if message.from_me else message.sender_name}),
        "content": (content if len(content) <= LINE_LENGTH else f"{content[:LINE_LENGTH]}…") or None,
        "content_length": len(content) if len(content) > LINE_LENGTH else None,
        "kind": None if message.kind is MessageKind.TEXT else message.kind.value,
        "timestamp": message.timestamp,
        "is_from_me": message.from_me or None,
        "revoked": True if message.revoked_at else None,
        "details": {"note": _why_unread(message)} if _is_unread(message) else None,
        "mentions_me": message.mentions_us or None,
        "view_once": message.view_once or None,
        "filename": message.file_name,
        **_transcript(message),
    }


def _transcript(message: Line) -> dict[str, Any]:
    """What is said in it, where a machine wrote it down."""
    text = message.extra.get(TRANSCRIPT)
    if not isinstance(text, str):
        return {}
    return {TRANSCRIPT: text if len(text) <= LINE_LENGTH else f"{text[:LINE_LENGTH]}…", TRANSCRIPT_BY_MACHINE: True}


def group_line_json(group: Group) -> dict[str, Any]:
    """A group among others."""
    return {
        "chat_jid": str(group.jid),
        "name": group.name,
        "participant_count": len(group.members),
        "is_locked": group.locked or None,
        "is_announce": group.announce or None,
        "disappearing_timer": group.disappearing_timer or None,
        "is_community": group.is_parent or None,
        "community_jid": str(group.linked_parent) if group.linked_parent else None,
        "join_approval": True if group.approval_mode else None,
    }


def group_json(group: Group) -> dict[str, Any]:
    """What a group is, without its members."""
    return group_line_json(group) | {
        "topic": group.topic or None,
        "owner_jid": str(group.owner) if group.owner else None,
        "owner_name": group.owner_name,
        "created_at": group.created_at,
    }


def member_json(member: GroupMember) -> dict[str, Any]:
    return {
        "jid": str(member.jid),
        "name": member.name,
        "is_admin": member.admin or None,
        "is_super_admin": member.super_admin or None,
    }


def newsletter_json(one: Newsletter) -> dict[str, Any]:
    return {
        "chat_jid": str(one.jid),
        "name": one.name.text,
        "description": one.description.text or None,
        "subscribers": one.subscribers,
        "role": one.role or None,
        "invite": one.invite or None,
        "is_verified": one.verification.lower() == "verified" or None,
        "muted": one.mute.lower() == "on" or None,
    }
