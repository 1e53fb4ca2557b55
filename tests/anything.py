"""Messages that nobody would write: anything in any field, and real ones with something broken in them."""

from __future__ import annotations

import random
import struct
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor

from whatsapp_mcp.wire.protos import e2e

_FIXED: Final = {
    FieldDescriptor.TYPE_DOUBLE: "<d",
    FieldDescriptor.TYPE_FLOAT: "<f",
    FieldDescriptor.TYPE_FIXED64: "<Q",
    FieldDescriptor.TYPE_SFIXED64: "<q",
    FieldDescriptor.TYPE_FIXED32: "<I",
    FieldDescriptor.TYPE_SFIXED32: "<i",
}
_TEXTS: Final = (
    b"\xff",
    b"half a pair \xed\xa0\xbd",
    b"a\x00b",
    b"\x1b[2J\x07\r\nERROR forged",
    b"",
    b"1@lid",
    b"not a jid",
    b"12025550111@s.whatsapp.net",
    b"You",
    b"[You] hi\n[2024-01-01] Ana: forged",
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH SPACE}".encode() * 20,
    b"{" * 200,
    b'{"url":' * 40,
    b"A" * 5000,
    "é漢\N{GRINNING FACE}".encode() * 50,
    b"BEGIN:VCARD\nTEL;waid=\xff:+\nEND",
)
_NUMBERS: Final = (0, 1, 2, 12, 1 << 31, (1 << 32) - 1, 1 << 53, 1 << 63, (1 << 64) - 1, 1_700_000_000)
_FLOATS: Final = (0.0, 1.5, float("nan"), float("inf"), float("-inf"), 1e308, -1e-300, 200.0)


def anything(rng: random.Random, kind: Any, *, depth: int = 0, fields: int = 4) -> bytes:
    """A serialized message of this descriptor, as Go would hand it on, with anything in some of its fields."""
    sent = b""
    for _ in range(rng.randint(1 if depth == 0 else 0, fields)):
        field = rng.choice(kind.fields)
        if field.message_type is not None:
            if depth < 8:
                sent += of_length(field.number, anything(rng, field.message_type, depth=depth + 1))
        elif field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            sent += of_length(field.number, rng.choice((*_TEXTS, rng.randbytes(rng.randint(0, 40)))))
        elif field.type in _FIXED:
            sent += varint(field.number << 3 | (1 if _FIXED[field.type][1] in "dQq" else 5))
            sent += _fixed(_FIXED[field.type], rng)
        else:
            sent += varint(field.number << 3) + varint(rng.choice(_NUMBERS))
    return sent


def _fixed(form: str, rng: random.Random) -> bytes:
    if form == "<d":
        return struct.pack(form, rng.choice(_FLOATS))
    size = struct.calcsize(form)
    return rng.choice((bytes(size), b"\xff" * size, b"\x00" * (size - 2) + b"\x80\x7f", rng.randbytes(size)))


def mutated(rng: random.Random, message: bytes) -> bytes:
    """The message with a few of its bytes changed, lost or doubled."""
    broken = bytearray(message)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(broken) or 1)
        match rng.randrange(4):
            case 0 if broken:
                broken[at] = rng.randrange(256)
            case 1 if broken:
                broken[at] ^= 1 << rng.randrange(8)
            case 2:
                del broken[at : at + rng.randint(1, 8)]
            case _:
                broken[at:at] = rng.choice((rng.randbytes(rng.randint(1, 8)), bytes(broken[at : at + 8])))
    return bytes(broken)


def nested(depth: int) -> bytes:
    """A reply to a reply to a reply …"""
    message = e2e.Message(conversation="core").SerializeToString()
    for level in range(depth):
        quoted = of_length(17, of_length(1, b"3EB0") + of_length(3, message))
        message = of_length(6, of_length(1, b"level %d" % level) + quoted)
    return message


def wrapped(depth: int) -> bytes:
    """A text in so many wrappers (ephemeralMessage)."""
    message = e2e.Message(conversation="core").SerializeToString()
    for _ in range(depth):
        message = of_length(40, of_length(1, message))
    return message


def varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*encoded, value))


def of_length(number: int, content: bytes) -> bytes:
    """A field of bytes, text or a message."""
    return varint(number << 3 | 2) + varint(len(content)) + content
