"""Conversations as people read them.

Only headings and the first lines of messages begin at the left margin: what somebody writes into a message cannot look
like another message. Nobody but the owner is called "You" (``names``). Nothing in it is obeyed by a terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import date
from functools import partial
from typing import Final

from whatsapp_mcp.clock import local
from whatsapp_mcp.jid import STATUS_BROADCAST, Jid
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.fallback import shown
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.offline.export.facts import facts
from whatsapp_mcp.offline.export.names import OWNER, Speakers
from whatsapp_mcp.store.read.exporting import ExportedMessage
from whatsapp_mcp.untrusted_text import clean_text

_INDENT: Final = "    "
_QUOTE_LENGTH: Final = 100
"""Characters that are shown of a message replied to."""
_EMOJI_LENGTH: Final = 32
_NO_BRACKETS: Final = str.maketrans("<>", "‹›")
_WORDS: Final = {
    MessageKind.IMAGE: "photo",
    MessageKind.VOICE: "voice message",
    MessageKind.UNDECRYPTABLE: "message that could not be decrypted",
    MessageKind.OTHER: "message of another kind",
    MessageKind.NOTICE: "what happened",
}
"""Where a kind has another name for people."""


def transcript(messages: Iterable[ExportedMessage]) -> Iterator[str]:
    """Blocks of text, in the order of ``messages``, in which chats are not mixed. Times are in this machine's zone."""
    chat: Jid | None = None
    day: date | None = None
    names = Speakers()
    for exported in messages:
        message = exported.message
        if message.chat != chat:
            if chat is not None:
                yield "\n\n"
            chat, day, names = message.chat, None, Speakers()
            yield f"=== {_title(message)} ===\n"
        moment = local(message.timestamp)
        if moment.date() != day:
            day = moment.date()
            yield f"\n--- {day:%Y-%m-%d, %A} ---\n\n"
        name = OWNER if message.from_me else names.of(message.sender, message.sender_name)
        first, *rest = shown(exported, partial(_lines, names=names), lambda _: ["<message that could not be shown>"])
        yield f"[{moment:%H:%M}] {name}: {first}\n" + "".join(f"{_INDENT}{line}".rstrip() + "\n" for line in rest)


def _title(message: Message) -> str:
    name = "Status updates" if message.chat == STATUS_BROADCAST else message.chat_name
    return f"{_line(name)} ({message.chat})" if name else str(message.chat)


def _lines(exported: ExportedMessage, names: Speakers) -> list[str]:
    """What stands behind the name, and below it."""
    message = exported.message
    if message.revoked_at is not None:
        return ["<deleted>"]
    marks = []
    if message.forwarded:
        marks.append("(forwarded)")
    if message.reply_to_id is not None:
        marks.append(f"({_reply(exported, names)})")
    if message.kind is not MessageKind.TEXT or message.media_mimetype is not None:
        marks.append(f"<{_described(message)}>")
    text = _clean(message.text).split("\n")
    lines = [" ".join([*marks, *text[:1]]).rstrip(), *text[1:]]
    if message.edited_at is not None:
        lines[-1] += " (edited)"
    lines.extend(f"- {_line(option)}" for option in _options(message))
    if message.kind is not MessageKind.NOTICE:  # whose sentence says them
        lines.extend(_line(fact) for fact in facts(message))
    if message.reactions:
        said = [
            f"{_emoji(one.emoji)} {OWNER if one.from_me else names.of(one.sender, one.sender_name)}"
            for one in message.reactions
        ]
        lines.append(f"reactions: {', '.join(said)}")
    return lines


def _reply(exported: ExportedMessage, names: Speakers) -> str:
    """What is answered stands in quotes. Of a message that we do not have, it is what the one who replies says."""
    quoted = exported.message.quoted
    if quoted is None:
        return "in reply"
    to = "in reply"
    if quoted.from_me or exported.quotes_us:
        to = f"in reply to {OWNER}"
    elif quoted.sender is not None:
        to = f"in reply to {names.of(quoted.sender, quoted.sender_name)}"
    text = "<deleted>" if quoted.revoked else _line(quoted.text).replace('"', "'")
    if not text:
        return to
    claimed = ", said to have written" if quoted.is_claim else ""
    return f'{to}{claimed}: "{text if len(text) <= _QUOTE_LENGTH else text[:_QUOTE_LENGTH] + "…"}"'


def _described(message: Message) -> str:
    """The kind, and what a person wants to know of it: ``voice message, 0:07``."""
    said = [_WORDS.get(message.kind, message.kind.value)]
    if message.view_once:
        said.append("to be seen once")
    if message.file_name:
        said.append(_line(message.file_name).translate(_NO_BRACKETS))
    seconds = message.seconds if message.seconds is not None else message.extra.get("seconds")
    if isinstance(seconds, int) and seconds > 0:
        said.append(f"{seconds // 60}:{seconds % 60:02}")
    if message.file_length:
        said.append(_size(message.file_length))
    if message.kind is MessageKind.LOCATION and "latitude" in message.extra:
        said.append(f"{_line(str(message.extra['latitude']))} {_line(str(message.extra.get('longitude')))}")
    return ", ".join(said)


def _emoji(text: str) -> str:
    """As it is, unless it is words, which could pass for what somebody else thought."""
    emoji = _line(text)
    plain = len(emoji) <= _EMOJI_LENGTH and not any(c.isalpha() or c in ',:"' for c in emoji)
    return emoji if plain else '"' + emoji[:_EMOJI_LENGTH].replace('"', "'") + '"'


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
