"""Conversations as people read them.

Only headings and the first lines of messages begin at the left margin: what somebody writes into a message cannot look
like another message. Nothing in it is obeyed by a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final

from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.changes import MessageKind
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.offline.export.facts import facts
from whatsapp_mcp.store.read.exporting import ExportedMessage
from whatsapp_mcp.untrusted_text import clean_text

_INDENT: Final = "    "
_QUOTE_LENGTH: Final = 100
"""Characters that are shown of a message replied to."""
_WORDS: Final = {
    MessageKind.IMAGE: "photo",
    MessageKind.VOICE: "voice message",
    MessageKind.UNDECRYPTABLE: "message that could not be decrypted",
    MessageKind.OTHER: "message of another kind",
}
"""Where a kind has another name for people."""


def transcript(messages: Iterable[ExportedMessage]) -> Iterator[str]:
    """Blocks of text, in the order of ``messages``, in which chats are not mixed. Times are in this machine's zone."""
    chat: Jid | None = None
    day: date | None = None
    for exported in messages:
        message = exported.message
        if message.chat != chat:
            if chat is not None:
                yield "\n\n"
            chat, day = message.chat, None
            yield f"=== {_title(message)} ===\n"
        moment = message.timestamp.astimezone()
        if moment.date() != day:
            day = moment.date()
            yield f"\n--- {day:%Y-%m-%d, %A} ---\n\n"
        name = "You" if message.from_me else _line(message.sender_name or str(message.sender))
        first, *rest = _lines(exported)
        yield f"[{moment:%H:%M}] {name}: {first}\n" + "".join(f"{_INDENT}{line}".rstrip() + "\n" for line in rest)


def _title(message: Message) -> str:
    name = "Status updates" if message.chat == STATUS_BROADCAST else message.chat_name
    return f"{_line(name)} ({message.chat})" if name else str(message.chat)


def _lines(exported: ExportedMessage) -> list[str]:
    """What stands behind the name, and below it."""
    message = exported.message
    if message.revoked_at is not None:
        return ["<deleted>"]
    marks = []
    if message.forwarded:
        marks.append("(forwarded)")
    if message.reply_to_id is not None:
        marks.append(f"({_reply(exported)})")
    if message.kind is not MessageKind.TEXT or message.media_mimetype is not None:
        marks.append(f"<{_described(message)}>")
    text = _clean(message.text).split("\n")
    lines = [" ".join([*marks, *text[:1]]).rstrip(), *text[1:]]
    if message.edited_at is not None:
        lines[-1] += " (edited)"
    lines.extend(f"- {_line(option)}" for option in _options(message))
    lines.extend(_line(fact) for fact in facts(message))
    if message.reactions:
        said = [
            f"{_line(one.emoji)} {'You' if one.from_me else _line(one.sender_name or str(one.sender))}"
            for one in message.reactions
        ]
        lines.append(f"reactions: {', '.join(said)}")
    return lines


def _reply(exported: ExportedMessage) -> str:
    message = exported.message
    if exported.quoted is not None:
        author = "You" if exported.quotes_us else _line(exported.quoted_name or str(exported.quoted))
        to = f"in reply to {author}"
    else:
        to = "in reply"
    quoted = _line(message.reply_to_text or "")
    if not quoted:
        return to
    return f'{to}: "{quoted if len(quoted) <= _QUOTE_LENGTH else quoted[:_QUOTE_LENGTH] + "…"}"'


def _described(message: Message) -> str:
    """The kind, and what a person wants to know of it: ``voice message, 0:07``."""
    said = [_WORDS.get(message.kind, message.kind.value)]
    if message.view_once:
        said.append("to be seen once")
    if message.file_name:
        said.append(_line(message.file_name))
    seconds = message.seconds if message.seconds is not None else message.extra.get("seconds")
    if isinstance(seconds, int) and seconds > 0:
        said.append(f"{seconds // 60}:{seconds % 60:02}")
    if message.file_length:
        said.append(_size(message.file_length))
    if message.kind is MessageKind.LOCATION and "latitude" in message.extra:
        said.append(f"{_line(str(message.extra['latitude']))} {_line(str(message.extra.get('longitude')))}")
    return ", ".join(said)


def _size(length: int) -> str:
    return f"{length / 1e6:,.1f} MB" if length >= 1_000_000 else f"{max(1, round(length / 1000))} kB"


def _options(message: Message) -> Iterator[str]:
    """Of a poll, with the votes."""
    for one in message.votes:
        yield f"{one.option}: {one.count} vote" + ("s" if one.count != 1 else "")


def _clean(text: str) -> str:
    return clean_text(text, sys.maxsize)


def _line(text: str) -> str:
    """All on one line."""
    return " ".join(_clean(text).split())
