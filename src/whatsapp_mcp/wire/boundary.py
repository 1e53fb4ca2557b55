"""The one door through which WhatsApp's bytes become protobufs that readers may believe.

What other people send is end-to-end encrypted: no server looks at it, and Go hands it on as it came. The Python
protobufs then break the promises of their types: text that is not UTF-8 comes as ``bytes``, NaN and infinity pass as
numbers, a list may be a million long, and one message nested deeper than upb goes spoils all that was sent with it.
Here every string is made a string, every number finite, every text and list at most as long as a phone would show.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, TypeVar

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.untrusted_text import encodable

M = TypeVar("M", bound=Message)

TEXT_LIMIT: Final = 65_536
"""Characters of one text; WhatsApp's own clients send no longer ones."""
QUOTE_LIMIT: Final = 1_000
"""Characters that are kept of a text which a reply says it answers."""
SHORT: Final = 64
"""Characters that any text may have."""
TEXT_LIMITS: Final = {
    "WAWebProtobufsE2E.ReactionMessage.text": SHORT,
    "WAWebProtobufsE2E.PollCreationMessage.Option.optionName": 255,
    "WAWebProtobufsE2E.PollCreationMessage.name": 1_024,
    "WAWebProtobufsE2E.ContactMessage.displayName": 255,
    "WAWebProtobufsE2E.DocumentMessage.fileName": 255,
    "WAWebProtobufsE2E.DocumentMessage.mimetype": 255,
    "WAWebProtobufsE2E.GroupInviteMessage.groupName": 255,
    "WAWebProtobufsE2E.ContextInfo.mentionedJID": SHORT,
    "WAWebProtobufsWeb.WebMessageInfo.pushName": 255,
    "neonize.MessageInfo.Pushname": 255,
}
"""Characters of the texts that phones limit to fewer; some room above what they write."""
_IDS: Final = frozenset({"neonize.MessageInfo.ID", "WACommon.MessageKey.ID", "WAWebProtobufsE2E.ContextInfo.stanzaID"})
LIST_LIMIT: Final = 1_024
"""Entries of one list in a message, as many as a group has members, where a phone's own limit is not known."""
ENTRIES: Final = 10_000
"""Entries of all lists in a message together: of lists in lists there may be a million in a small message."""
LIST_LIMITS: Final = {
    "WAWebProtobufsE2E.PollCreationMessage.options": 12,
    "WAWebProtobufsE2E.PollResultSnapshotMessage.pollVotes": 12,
    "WAWebProtobufsE2E.PollVoteMessage.selectedOptions": 12,
    "WAWebProtobufsE2E.ContactsArrayMessage.contacts": 257,
    "WAWebProtobufsE2E.ListMessage.sections": 10,
    "WAWebProtobufsE2E.ListMessage.Section.rows": 10,
    "WAWebProtobufsE2E.ButtonsMessage.buttons": 10,
    "WAWebProtobufsE2E.TemplateMessage.HydratedFourRowTemplate.hydratedButtons": 10,
    "WAWebProtobufsE2E.InteractiveMessage.NativeFlowMessage.buttons": 10,
    "WAWebProtobufsE2E.InteractiveMessage.CarouselMessage.cards": 10,
}
"""Entries of the lists that a phone itself limits."""
_WITH_REQUIRED: Final = frozenset({"WAWebProtobufsE2E.VideoEndCard"})
"""Messages that Go neither reads nor writes, with all that they stand in, while a field of theirs is missing."""
_WRITTEN: Final = ("WAWebProtobufsE2E.", "WAWebProtobufsAICommon.", "WAAICommonDeprecated.")
"""The packages of what people and bots write; lists of other packages (groups, histories) are as long as they are."""
_MAX_DEPTH: Final = 60
"""Messages in messages that are read. upb gives up at 100, counted from the outermost envelope."""
_ID_LIMIT: Final = 128
_MUCH: Final = 256 * 1024
"""Bytes: what is larger is looked at more closely before it is read."""


def parse(kind: type[M], payload: bytes, cut: list[str] | None = None, *, apart: type[Message] | None = None) -> M:
    """A protobuf as it may be believed.

    Args:
        payload: serialized ``kind``; what lies deeper than anybody reads is left out.
        cut: is given the names of the fields that lost something by their length or their depth.
        apart: protobufs in it that are left as they are, for who cleanses each by itself.

    Raises:
        DecodeError: the payload is no protobuf at all.
    """
    lost: list[str] = [] if cut is None else cut
    try:
        message = kind.FromString(payload)
    except DecodeError:
        message = kind.FromString(_shallow(kind.DESCRIPTOR, payload, lost))
    if len(payload) > _MUCH and apart is None:
        message = _known(message, lost)
    cleanse(message, lost, apart)
    return message


def _known(message: M, cut: list[str]) -> M:
    """The message without what is unknown in it, where that is much: it may be a million fields."""
    known = type(message)()
    known.CopyFrom(message)
    known.DiscardUnknownFields()
    if len(message.SerializePartialToString()) - len(known.SerializePartialToString()) <= _MUCH:
        return message
    cut.append("unknown")
    return known


def without(payload: bytes, fields: frozenset[int]) -> bytes:
    """A serialized protobuf without those of its own fields: what nobody reads is not made, whatever stands in it.

    Raises:
        DecodeError: it is none.
    """
    return b"".join([payload[start:end] for number, start, _, end in _fields(payload) if number not in fields])


def jid(text: str) -> Jid | None:
    """The address of a person or chat, without device; None for anything else."""
    return _known_jid(text) if len(text) <= SHORT else _jid(text)


def _jid(text: str) -> Jid | None:
    try:
        found = Jid.parse(text).bare
    except ValueError:
        return None
    return found if found.user else None


_known_jid: Final = lru_cache(4096)(_jid)
"""A history names the same people again and again."""


def seconds(value: int) -> int | None:
    """A time in seconds since 1970; None for one that no calendar has."""
    return value if 0 < value < 1 << 33 else None


def message_id(text: str) -> str:
    """An id to store a message under. A longer one than any client makes is shortened, and stays itself."""
    text = encodable(text)
    if len(text) <= _ID_LIMIT:
        return text
    return f"{text[: _ID_LIMIT - 17]}~{sha256(text.encode()).hexdigest()[:16]}"


# -- what a parsed message holds ---------------------------------------------------------------------------------------


def cleanse(
    message: Message, cut: list[str], apart: type[Message] | None = None, room: list[int] | None = None
) -> None:
    """The same, in place, for a protobuf that was left apart; visits the fields that are set.

    Args:
        room: how many entries of lists there may be still, of ``ENTRIES``.
    """
    room = [ENTRIES] if room is None else room
    for field, value in message.ListFields():
        kind = type(value)
        if kind is int or kind is bool:
            continue
        if kind is str:
            if len(value) > SHORT and (fitting := _fitting(value, field, cut)) is not value:
                setattr(message, field.name, fitting)
        elif kind is bytes:
            if field.type == FieldDescriptor.TYPE_STRING:
                setattr(message, field.name, _fitting(value, field, cut))
        elif kind is float:
            if not math.isfinite(value):
                message.ClearField(field.name)
        elif field.is_repeated:
            _cleanse_list(field, value, cut, apart, room)
        elif kind is not apart:
            cleanse(value, cut, apart, room)


def _cleanse_list(
    field: FieldDescriptor, values: Any, cut: list[str], apart: type[Message] | None, room: list[int]
) -> None:
    if field.full_name.startswith(_WRITTEN):
        limit = min(LIST_LIMITS.get(field.full_name, LIST_LIMIT), room[0])
        if len(values) > limit:
            del values[limit:]
            cut.append(field.name)
        room[0] -= len(values)
    if field.message_type is not None:
        if field.message_type.full_name in _WITH_REQUIRED and not all(value.IsInitialized() for value in values):
            del values[:]
            cut.append(field.name)
        for value in values:
            cleanse(value, cut, apart, room)
    elif field.type == FieldDescriptor.TYPE_STRING:
        clean = [_fitting(value, field, cut) for value in values]
        if clean != list(values):
            values[:] = clean
    elif field.type in (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT):
        values[:] = [value for value in values if math.isfinite(value)]


def _fitting(value: str | bytes, field: FieldDescriptor, cut: list[str]) -> str:
    if isinstance(value, bytes):
        value = readable(value)
    if field.full_name in _IDS:
        return message_id(value)
    limit = TEXT_LIMITS.get(field.full_name, TEXT_LIMIT)
    if len(value) > limit:
        cut.append(field.name)
    return value[:limit]


def readable(text: bytes) -> str:
    """Text that is not quite UTF-8. Two halves of a character, each encoded by itself (CESU-8), become it again; what
    is no text becomes a replacement character.
    """
    try:
        return encodable(text.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        return text.decode("utf-8", "replace")


# -- what is nested too deep to be parsed ------------------------------------------------------------------------------

_BYTES: Final = 2
"""Wire type of what has a length: text, bytes, messages."""


def _shallow(kind: Any, payload: bytes, cut: list[str], depth: int = 1) -> bytes:
    """The message of this descriptor without the messages in it that lie too deep, or cannot be taken apart."""
    kept = bytearray()
    for number, start, content, end in _fields(payload):
        field = kind.fields_by_number.get(number)
        if content is None or field is None or field.message_type is None:
            kept += payload[start:end]
            continue
        if depth >= _MAX_DEPTH:
            cut.append(field.name)
            continue
        try:
            inner = _shallow(field.message_type, payload[content:end], cut, depth + 1)
        except DecodeError:
            cut.append(field.name)
            continue
        kept += _varint(number << 3 | _BYTES) + _varint(len(inner)) + inner
    return bytes(kept)


def _fields(payload: bytes) -> Iterator[tuple[int, int, int | None, int]]:
    """Field number, where it starts, where its content starts if it has a length, and where it ends."""
    position = 0
    while position < len(payload):
        start = position
        tag, position = _read_varint(payload, position)
        number, wire_type = tag >> 3, tag & 7
        content = None
        match wire_type:
            case 0:
                _, position = _read_varint(payload, position)
            case 1:
                position += 8
            case 2:
                length, position = _read_varint(payload, position)
                content, position = position, position + length
            case 5:
                position += 4
            case _:
                raise DecodeError("parsing failed: no protobuf")
        if position > len(payload):
            raise DecodeError("parsing failed: the message is cut off")
        yield number, start, content, position


def _read_varint(payload: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(payload) and shift < 70:
        byte = payload[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise DecodeError("parsing failed: the message is cut off")


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))
