"""Views as the JSON that tools.yaml describes. None values are dropped by the MCP face.

What a row shows is bounded, whatever was stored: to make it never takes long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from whatsapp_mcp.clock import time_text
from whatsapp_mcp.models.content import LOST, QUOTED_TEXT, SEALED, UNAVAILABLE, UNREADABLE, EventAnswer, MessageKind
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.models.fallback import LINE_LENGTH
from whatsapp_mcp.models.views import (
    Chat,
    Contact,
    Group,
    GroupMember,
    Label,
    Mark,
    Message,
    Newsletter,
    NewsletterPicture,
    NewsletterText,
    QuotedMessage,
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


def chat_json(chat: Chat) -> dict[str, Any]:
    return {
        "jid": str(chat.jid),
        "lid": str(chat.lid) if chat.lid and chat.lid != chat.jid else None,
        "name": chat.name,
        "name_source": chat.name_source,
        "last_message_time": time_text(chat.last_message_time),
        "unread_count": chat.unread_count,
        "marked_unread": chat.marked_unread or None,
        "archived": chat.archived or None,
        "pinned": chat.pinned or None,
        "muted_until": time_text(chat.muted_until),
        "labels": list(chat.labels) or None,
        "ephemeral_expiration": chat.ephemeral_expiration,
        "left": chat.left or None,
        "created_at": time_text(chat.created_at),
        "updated_at": time_text(chat.updated_at),
    }


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
    return {
        "jid": str(contact.jid),
        "lid": str(contact.lid) if contact.lid and contact.lid != contact.jid else None,
        "name": contact.name,
        "name_source": contact.name_source,
    }


def _details(message: Message) -> dict[str, Any] | None:
    """Facts of the kind; of a poll also who chose what, of a message that cannot be read the reason. Of long lists the
    beginning, and in ``left_out`` how many entries more there are."""
    details: dict[str, Any] = dict(message.extra)
    lists: dict[str, Sequence[Any]] = {name: value for name, value in details.items() if isinstance(value, list)}
    details |= {name: value[:LIST_LENGTH] for name, value in lists.items()}
    lists |= {"reactions": message.reactions, "mentions": message.mentions, "votes": message.votes}
    if left_out := {name: len(value) - LIST_LENGTH for name, value in lists.items() if len(value) > LIST_LENGTH}:
        details["left_out"] = left_out
    details.pop(QUOTED_TEXT, None)
    if message.quoted is not None:
        details["quoted"] = _quoted(message.quoted)
    if message.parts:
        details["parts"] = list(message.parts[:LIST_LENGTH])
    if message.kind is MessageKind.UNDECRYPTABLE and message.revoked_at is None:
        details["note"] = _why_unread(message)
    if message.votes:
        details["votes"] = [
            {
                "option": one.option,
                "count": one.count,
                "voters": [str(jid) for jid in one.voters[:LIST_LENGTH]],
            }
            | ({"voter_names": [name or "" for name in one.voter_names[:LIST_LENGTH]]} if one.voters else {})
            for one in message.votes[:LIST_LENGTH]
        ]
    if message.cards:
        details["accounts"] = [{"jid": str(one.jid), "name": one.name} for one in message.cards]
    if message.answers:
        details["answers"] = _answers(message)
    for name, mark in (("pinned", message.pinned), ("kept", message.kept)):
        if mark is not None:
            details[name] = _mark(mark)
    return details or None


def _answers(message: Message) -> dict[str, Any]:
    """Who comes to an event and who does not."""
    people: dict[str, list[dict[str, Any]]] = {}
    for answer in EventAnswer:
        said = [one for one in message.answers if one.answer is answer]
        if said:
            people[answer.value] = [_known(jid=str(one.jid), name=one.name, guests=one.guests) for one in said]
    return {answer: one[:LIST_LENGTH] for answer, one in people.items()}


def _mark(mark: Mark) -> dict[str, Any]:
    return _known(by=str(mark.by), by_name=mark.by_name, since=time_text(mark.since), until=time_text(mark.until))


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


def _why_unread(message: Message) -> str:
    if SEALED in message.extra:
        return f"{message.extra[SEALED]} came and could not be opened: {message.extra[UNREADABLE]}. It is on the phone."
    if UNREADABLE in message.extra:
        return f"The message came and could not be read: {message.extra[UNREADABLE]}. It is on the phone."
    if message.extra.get(LOST):
        return _LOST
    if UNAVAILABLE in message.extra:
        return _VIEW_ONCE_ELSEWHERE if message.view_once else _ON_THE_PHONE_ALONE
    return _UNDECRYPTED


def message_json(message: Message, *, with_chat_name: bool = False) -> dict[str, Any]:
    status = message.status if message.from_me else None
    return {
        "id": message.id,
        "chat_jid": str(message.chat),
        "chat_name": message.chat_name if with_chat_name else None,
        "sender_jid": str(message.sender),
        "sender_name": message.sender_name,
        "sender_name_source": None if message.from_me else message.sender_name_source,
        "content": message.text,
        "content_length": len(message.text) if len(message.text) > LONG_TEXT else None,
        "kind": message.kind.value,
        "timestamp": time_text(message.timestamp),
        "is_from_me": message.from_me,
        "reply_to_id": message.reply_to_id,
        "edited": True if message.edited_at else None,
        "revoked": True if message.revoked_at else None,
        "reactions": [
            {"sender_jid": str(one.sender), "sender_name": one.sender_name, "emoji": one.emoji}
            for one in message.reactions[:LIST_LENGTH]
        ]
        or None,
        "mentions": [str(one.jid) for one in message.mentions[:LIST_LENGTH]] or None,
        "mention_names": [one.name or "" for one in message.mentions[:LIST_LENGTH]] or None,
        "mentions_me": message.mentions_us or None,
        "status": (status or DeliveryStatus.UNKNOWN).value if message.from_me else None,
        "media_type": message.kind.value if message.media_mimetype else None,
        "filename": message.file_name,
        "url": message.url,
        "file_length": message.file_length,
        "details": _details(message),
        "view_once": message.view_once or None,
        "starred": message.starred or None,
        "labels": list(message.labels) or None,
        "created_at": time_text(message.created_at),
        "updated_at": time_text(message.updated_at),
    }


def line_json(message: Message, *, with_chat: bool = False) -> dict[str, Any]:
    """A message in few words: beside a hit, or in the inbox."""
    content = message.text
    return {
        "id": message.id,
        "chat_jid": str(message.chat) if with_chat else None,
        "chat_name": message.chat_name if with_chat else None,
        "sender_name": None if message.from_me else message.sender_name,
        "sender_name_source": None if message.from_me else message.sender_name_source,
        "content": content if len(content) <= LINE_LENGTH else f"{content[:LINE_LENGTH]}…",
        "content_length": len(content) if len(content) > LINE_LENGTH else None,
        "kind": None if message.kind is MessageKind.TEXT else message.kind.value,
        "timestamp": time_text(message.timestamp),
        "is_from_me": message.from_me or None,
        "mentions_me": message.mentions_us or None,
        "view_once": message.view_once or None,
        "filename": message.file_name,
    }


def group_json(group: Group) -> dict[str, Any]:
    """Field names of the seed."""
    return {
        "JID": str(group.jid),
        "OwnerJID": str(group.owner) if group.owner else None,
        "Name": group.name,
        "NameSetAt": time_text(group.name_set_at),
        "NameSetBy": str(group.name_set_by) if group.name_set_by else None,
        "Topic": group.topic,
        "TopicID": group.topic_id or None,
        "TopicSetAt": time_text(group.topic_set_at),
        "TopicSetBy": str(group.topic_set_by) if group.topic_set_by else None,
        "IsLocked": group.locked,
        "IsAnnounce": group.announce,
        "AnnounceVersionID": group.announce_version or None,
        "IsEphemeral": group.disappearing_timer > 0,
        "DisappearingTimer": group.disappearing_timer,
        "IsParent": group.is_parent,
        "DefaultMembershipApprovalMode": group.approval_mode or None,
        "LinkedParentJID": str(group.linked_parent) if group.linked_parent else None,
        "IsDefaultSubGroup": group.is_default_sub,
        "GroupCreated": time_text(group.created_at),
        "ParticipantVersionID": group.participant_version or None,
        "Participants": [member_json(member) for member in group.members],
    }


def member_json(member: GroupMember) -> dict[str, Any]:
    return {
        "JID": str(member.jid),
        "LID": str(member.lid) if member.lid and member.lid != member.jid else None,
        "IsAdmin": member.admin,
        "IsSuperAdmin": member.super_admin,
        "DisplayName": member.display_name or None,
        "Error": member.error or None,
        "AddRequest": member.add_request,
    }


def newsletter_json(one: Newsletter) -> dict[str, Any]:
    """Names and types of the seed: numbers are strings there."""
    return {
        "id": str(one.jid),
        "state": {"type": one.state},
        "thread_metadata": {
            "creation_time": str(one.creation_time),
            "invite": one.invite,
            "name": _text_json(one.name),
            "description": _text_json(one.description),
            "subscribers_count": str(one.subscribers),
            "verification": one.verification,
            "picture": _picture_json(one.picture),
            "preview": _picture_json(one.preview),
            "settings": {"reaction_codes": {"value": one.reaction_codes}},
        },
        "viewer_metadata": {"mute": one.mute, "role": one.role},
    }


def _text_json(text: NewsletterText) -> dict[str, str]:
    return {"text": text.text, "id": text.id, "update_time": str(text.update_time)}


def _picture_json(picture: NewsletterPicture | None) -> dict[str, str] | None:
    if picture is None:
        return None
    return {"url": picture.url, "id": picture.id, "type": picture.type, "direct_path": picture.direct_path}
