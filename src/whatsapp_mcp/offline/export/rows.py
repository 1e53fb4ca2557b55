"""A message as one line of JSON: the fields of the tools' rows, and what those leave out."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any, Final

from whatsapp_mcp.clock import time_text
from whatsapp_mcp.models.fallback import remains, shown
from whatsapp_mcp.models.render import message_json
from whatsapp_mcp.models.views import Message, Reaction, ReceiptView
from whatsapp_mcp.store.read.exporting import Edit, ExportedMessage
from whatsapp_mcp.store.read.polls import Ballot

# JSON itself escapes the control characters of ASCII only. DEL and C1 (U+009B begins a command as ESC [ does) drive
# terminals too, bidi controls disguise what a person sees, and some programs take U+2028 for the end of a line.
_DANGEROUS: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def _written(value: object) -> str:
    """Of the facts of a message, what is no JSON: a time."""
    if isinstance(value, datetime):
        return time_text(value, "milliseconds")
    raise TypeError(f"{type(value).__name__} is no JSON")


_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_written)


def json_line(exported: ExportedMessage) -> str:
    """The message as it is stored, nothing shortened or removed; ends with a line feed."""
    line = shown(exported, lambda exported: _JSON.encode(message_row(exported)), lambda _: _remains(exported.message))
    if not line.isascii() or "\x7f" in line:
        line = _DANGEROUS.sub(_escaped, line)
    return f"{line}\n"


def _remains(message: Message) -> str:
    """Of one that cannot be written, which one it is."""
    return _JSON.encode(_known(remains(message)))


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def message_row(exported: ExportedMessage) -> dict[str, Any]:
    """JSON-ready; what is not known, or not so, is left out."""
    message = exported.message
    row = message_json(message, full=True) | {
        "timestamp": _time(message.timestamp),
        "created_at": _time(message.created_at),
        "updated_at": _time(message.updated_at),
        "edited_at": _time(message.edited_at),
        "revoked_at": _time(message.revoked_at),
        "revoked_by_jid": str(exported.revoked_by) if exported.revoked_by is not None else None,
        "reactions": [_reaction(one) for one in message.reactions] or None,
        "forwarded": message.forwarded or None,
        "view_once": message.view_once or None,
        "from_history": exported.from_history or None,
        "ephemeral_expiration": exported.expiration or None,
        "receipts": [_receipt(one) for one in exported.receipts] or None,
        "wire_chat_jid": str(message.wire_chat) if message.wire_chat != message.chat else None,
        "wire_sender_jid": str(message.wire_sender) if message.wire_sender != message.sender else None,
    }
    if message.revoked_at is None:
        row |= {
            "original_content": exported.original_text,
            "edits": [_edit(one) for one in exported.edits] or None,
            "votes": [_vote(one) for one in exported.ballots] or None,
            "reply_to_sender_jid": str(exported.quoted) if exported.quoted is not None else None,
            "reply_to_sender_name": exported.quoted_name,
            "reply_to_content": message.reply_to_text or None,
            "mimetype": message.media_mimetype,
            "seconds": message.seconds,
            "width": exported.width,
            "height": exported.height,
            "file_sha256": exported.file_sha256.hex() if exported.file_sha256 else None,
        }
    return _known(row)


def _time(moment: datetime | None) -> str | None:
    """As exact as it is stored."""
    return time_text(moment, "milliseconds") if moment is not None else None


def _edit(edit: Edit) -> dict[str, Any]:
    mentions = [str(jid) for jid in edit.mentions]
    return _known({"edited_at": _time(edit.edited_at), "content": edit.text, "mentions": mentions or None})


def _reaction(reaction: Reaction) -> dict[str, Any]:
    row = {
        "sender_jid": str(reaction.sender),
        "sender_name": reaction.sender_name,
        "emoji": reaction.emoji,
        "is_from_me": reaction.from_me or None,
        "reacted_at": _time(reaction.reacted_at),
    }
    return _known(row)


def _vote(ballot: Ballot) -> dict[str, Any]:
    row = {
        "voter_jid": str(ballot.voter),
        "voter_name": ballot.voter_name,
        "options": list(ballot.options),
        "voted_at": _time(ballot.voted_at),
    }
    return _known(row)


def _receipt(receipt: ReceiptView) -> dict[str, Any]:
    row = {
        "jid": str(receipt.jid),
        "name": receipt.name,
        "delivered_at": _time(receipt.delivered_at),
        "read_at": _time(receipt.read_at),
        "played_at": _time(receipt.played_at),
    }
    return _known(row)


def _known(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}
