"""Events as JSON: for a tool in few words, for a webhook with the whole message."""

from __future__ import annotations

from typing import Any, Final

from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.events import Event, EventKind
from whatsapp_mcp.models.fallback import LINE_LENGTH
from whatsapp_mcp.models.render import message_json
from whatsapp_mcp.models.views import Message

ABOUT_LENGTH: Final = 100
"""Characters of the message that something was said about."""

_SAYS: Final = frozenset(
    {
        EventKind.MESSAGE,
        EventKind.OWN_MESSAGE,
        EventKind.EDIT,
        EventKind.CALL,
        EventKind.GROUP_CHANGE,
        EventKind.JOIN_REQUEST,
    }
)
"""The message is what is told."""
_IS_ABOUT: Final = frozenset({EventKind.REACTION, EventKind.VOTE, EventKind.ANSWER, EventKind.PIN})
"""The message is what something was said about."""


def event_json(event: Event) -> dict[str, Any]:
    """An event in few words."""
    return _frame(event) | _said(event)


def whole_event_json(event: Event) -> dict[str, Any]:
    """An event with the message that came or changed, as the tools that list messages show it."""
    whole = event.message is not None and event.kind in _SAYS
    message = message_json(event.message, full=True) if event.message is not None and whole else None
    return _frame(event) | {"message": message} | (_facts(event) if whole else _said(event))


def _frame(event: Event) -> dict[str, Any]:
    return {
        "kind": event.kind.value,
        "timestamp": event.timestamp,
        "chat_jid": str(event.chat),
        "chat_name": event.chat_name,
        "sender_jid": str(event.sender) if event.sender is not None else None,
        "sender_name": event.sender_name,
        "is_from_me": event.from_me or None,
        "message_id": event.message_id,
    }


def _said(event: Event) -> dict[str, Any]:
    message = event.message
    if message is None or message.revoked_at is not None:
        return _facts(event) | {"revoked": True if message is not None and event.kind in _SAYS else None}
    if event.kind in _SAYS:
        return _facts(event) | _words(message)
    return _facts(event) | {"about": _cut(message.text, ABOUT_LENGTH) if event.kind in _IS_ABOUT else None}


def _words(message: Message) -> dict[str, Any]:
    return {
        "content": _cut(message.text, LINE_LENGTH),
        "content_length": len(message.text) if len(message.text) > LINE_LENGTH else None,
        "message_kind": None if message.kind is MessageKind.TEXT else message.kind.value,
        "filename": message.file_name,
        "reply_to_id": message.reply_to_id,
        "mentions_me": message.mentions_us or None,
    }


def _facts(event: Event) -> dict[str, Any]:
    facts = dict(event.facts)
    match event.kind:
        case EventKind.REACTION | EventKind.ANSWER:
            said = "emoji" if event.kind is EventKind.REACTION else "answer"
            removed = True if facts.get(said) == "" else None
            return {said: facts.get(said) or None, "guests": facts.get("guests"), "removed": removed}
        case EventKind.GROUP_CHANGE | EventKind.JOIN_REQUEST:
            return {"change": facts.pop("event", None), "details": facts or None}
        case EventKind.CALL:
            known = facts or (event.message.extra if event.message is not None else {})
            return {"outcome": known.get("outcome"), "video": known.get("video")}
        case EventKind.VOTE | EventKind.RECEIPT | EventKind.PIN | EventKind.TYPING:
            return facts
    return {}


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
