"""Whatever strings a message holds: how a kind without a reader of its own is shown, also one that is newer than the
protobuf classes.

What programs read (ids, keys, tokens, addresses of files) is left out, by the name of the field and by its look.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet

from whatsapp_mcp.whatsapp.content.lines import lines
from whatsapp_mcp.wire.boundary import parse, readable

_MAX_STRINGS: Final = 200
_MAX_DEPTH: Final = 12
_MAX_PARTS: Final = 2_000
"""Fields and entries that are looked at for them."""
_LENGTH_DELIMITED: Final = 2
_APART: Final = frozenset({"contextInfo", "messageContextInfo"})
"""Read by ``context``, or by nobody."""

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_FOR_PROGRAMS: Final = frozenset(
    {
        *("id", "ids", "jid", "jids", "lid", "key", "token", "hash", "filehash", "sha", "path", "mimetype", "type"),
        *("typename", "uuid", "version", "secret", "nonce", "fbid", "signature", "payload", "code", "lg", "lc"),
        *("namespace", "locale", "source", "surface", "handle", "stanza", "campaign", "params", "uri", "index"),
    }
)
"""Last words of names whose text nobody reads."""
_READ_NEVERTHELESS: Final = frozenset({"copy_code", "key", "pix_key", "reference_id", "params", "payload", "code"})
"""Names in the JSON of shops that say what a person reads: what to pay under, what to copy."""
_OF_PICTURES: Final = re.compile(r"thumb|preview|icon|cdn|static|artwork|image|picture|hq", re.IGNORECASE)

_ADDRESS: Final = re.compile(
    r"[\w.:\-]{1,80}@(?:s\.whatsapp\.net|c\.us|lid|g\.us|newsletter|broadcast|bot|call|hosted)"
)
_BASE64: Final = re.compile(r"(?=.*\d)(?:(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9+/_\-]{24,}={0,2}|[0-9a-fA-F]{32,})")
_MIMETYPE: Final = re.compile(r"(?:image|video|audio|application|text|font)/[\w.+\-]+(?:;.*)?")
_FILE_HOSTS: Final = re.compile(r"(?:.*\.)?(?:whatsapp\.net|fbcdn\.net|cdninstagram\.com|fbsbx\.com)")


def is_for_programs(name: str) -> bool:
    """Whether the name of a field says that no person reads it."""
    if name in _READ_NEVERTHELESS:
        return False
    words = _WORD.findall(name)
    if not words:
        return False
    last = words[-1].lower()
    return last in _FOR_PROGRAMS or (last in ("url", "uri") and _OF_PICTURES.search(name) is not None)


def is_opaque(text: str) -> bool:
    """Whether a text looks like what programs write: an address, base64, a path, a file on WhatsApp's hosts."""
    if any(c.isspace() for c in text):
        return False
    if _ADDRESS.fullmatch(text) or _BASE64.fullmatch(text) or _MIMETYPE.fullmatch(text):
        return True
    if text.startswith("/"):
        return True
    if text.startswith(("https://", "http://")):
        try:
            return _FILE_HOSTS.fullmatch(urlsplit(text).hostname or "") is not None
        except ValueError:
            return False
    return False


def strings_of(message: Message) -> str:
    """What a person may read in a message of any kind, in the order of its fields, each once."""
    return lines(dict.fromkeys(islice(_strings(message, 0, iter(range(_MAX_PARTS))), _MAX_STRINGS)))


def _strings(message: Message, depth: int, room: Iterator[int]) -> Iterator[str]:
    """``room``: one for each part that may still be looked at."""
    if depth > _MAX_DEPTH or next(room, None) is None:
        return
    for field, value in message.ListFields():
        if field.name in _APART or field.type == FieldDescriptor.TYPE_BYTES:
            continue
        values = value if field.is_repeated else (value,)
        if field.message_type is not None:
            if field.message_type.name != "MessageKey" and not field.message_type.GetOptions().map_entry:
                for inner in values:
                    yield from _strings(inner, depth + 1, room)
        elif field.type == FieldDescriptor.TYPE_STRING and not _skipped(field.name):
            yield from (text for text in values if text.strip() and not is_opaque(text))
    yield from _unknown(message, depth, room)


def _skipped(name: str) -> bool:
    words = _WORD.findall(name)
    return bool(words) and (words[-1].lower() in _FOR_PROGRAMS or is_for_programs(name))


def unknown_contents(message: Message) -> Iterator[bytes]:
    """What lies in fields with a length (texts, bytes, messages) that the protobuf classes do not know."""
    fields = UnknownFieldSet(message)
    for position in range(min(len(fields), _MAX_PARTS)):
        data = fields[position].data
        if isinstance(data, bytes):
            yield data


def _unknown(message: Message, depth: int, room: Iterator[int]) -> Iterator[str]:
    """Texts in fields that the protobuf classes do not know."""
    for data, _ in zip(unknown_contents(message), room, strict=False):
        inner = _message(data)
        if inner is not None and (_looks_nested(data) or not _is_text(data)):
            yield from _unknown(inner, depth + 1, room) if depth < _MAX_DEPTH else ()
        elif _is_text(data):
            text = readable(data)
            if text.strip() and not is_opaque(text):
                yield text


def _is_text(data: bytes) -> bool:
    """Printable UTF-8 with a letter, digit or symbol in it."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c in "\n\t\r\u200d\ufe0f" or c.isspace() for c in text) and bool(text.strip())


def _looks_nested(data: bytes) -> bool:
    """A message whose first field has a length that fits, and whose tag would be a control character of a text."""
    return len(data) > 1 and data[0] < 0x20 and data[0] & 7 == _LENGTH_DELIMITED and data[1] <= len(data) - 2


def _message(data: bytes) -> Message | None:
    try:
        return parse(Empty, data)
    except DecodeError:
        return None
