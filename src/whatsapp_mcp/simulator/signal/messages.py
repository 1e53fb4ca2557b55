"""The bytes of Signal's messages: a version byte and a small protobuf, written here by hand.

neonize's wheel carries WhatsApp's protobuf classes but not libsignal's (WhisperTextProtocol.proto); they need only two
field types, unsigned integers and byte strings.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Final, Self

from whatsapp_mcp.simulator.signal.signal_errors import SignalError

VERSION: Final = b"\x33"
"""Message version 3 in the high half, own version 3 in the low half."""

MAC_SIZE: Final = 8

_KEY_TYPE: Final = b"\x05"
"""Before every Curve25519 public key that libsignal writes."""

_VARINT: Final = 0
_BYTES: Final = 2

Fields = dict[int, int | bytes]


def tagged(public: bytes) -> bytes:
    """A public key as libsignal writes it: 33 bytes."""
    return _KEY_TYPE + public


def untagged(public: bytes) -> bytes:
    """The 32 bytes of a key that libsignal wrote.

    Raises:
        SignalError: another type or size.
    """
    if len(public) != 33 or not public.startswith(_KEY_TYPE):
        raise SignalError("not a Curve25519 public key in Signal's form")
    return public[1:]


def encode_fields(fields: Fields) -> bytes:
    """Protobuf of unsigned integers and byte strings, in the order given."""
    out = bytearray()
    for number, value in fields.items():
        if isinstance(value, bytes):
            out += _varint(number << 3 | _BYTES) + _varint(len(value)) + value
        else:
            out += _varint(number << 3 | _VARINT) + _varint(value)
    return bytes(out)


def decode_fields(data: bytes) -> Fields:
    """The reverse of ``encode_fields``; of a repeated field the last one counts.

    Raises:
        SignalError: not such a protobuf.
    """
    fields: Fields = {}
    position = 0
    while position < len(data):
        key, position = _read_varint(data, position)
        if key & 7 not in (_VARINT, _BYTES):
            raise SignalError(f"a protobuf field of type {key & 7} in a Signal message")
        value, position = _read_varint(data, position)
        if key & 7 == _VARINT:
            fields[key >> 3] = value
            continue
        if position + value > len(data):
            raise SignalError("a Signal message is cut off")
        fields[key >> 3] = data[position : position + value]
        position += value
    return fields


def integer(fields: Fields, number: int) -> int:
    """A number from a message; 0 when it is missing, as in protobuf."""
    value = fields.get(number, 0)
    if not isinstance(value, int):
        raise SignalError(f"field {number} of a Signal message is not a number")
    return value


def binary(fields: Fields, number: int) -> bytes:
    """Bytes from a message; empty when they are missing."""
    value = fields.get(number, b"")
    if not isinstance(value, bytes):
        raise SignalError(f"field {number} of a Signal message is not a byte string")
    return value


def without_version(data: bytes) -> bytes:
    """The message after its version byte.

    Raises:
        SignalError: another version.
    """
    if not data.startswith(VERSION):
        raise SignalError("a Signal message of another version")
    return data[1:]


@dataclass(frozen=True, slots=True)
class RatchetMessage:
    """A message inside a session (``<enc type="msg">``)."""

    ratchet_public: bytes
    counter: int
    previous_counter: int
    ciphertext: bytes

    def serialize(self, mac_key: bytes, *, sender: bytes, receiver: bytes) -> bytes:
        """With the MAC, which also binds the two identity keys (32 bytes each)."""
        body = VERSION + encode_fields(
            {1: tagged(self.ratchet_public), 2: self.counter, 3: self.previous_counter, 4: self.ciphertext}
        )
        return body + mac_of(body, mac_key, sender=sender, receiver=receiver)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read it; the MAC is checked later, when the key is known."""
        fields = decode_fields(without_version(data)[:-MAC_SIZE])
        return cls(untagged(binary(fields, 1)), integer(fields, 2), integer(fields, 3), binary(fields, 4))


@dataclass(frozen=True, slots=True)
class PreKeyMessage:
    """A message that also carries what the receiver needs to build the session (``<enc type="pkmsg">``)."""

    registration_id: int
    prekey_id: int | None
    signed_prekey_id: int
    base_public: bytes
    identity_public: bytes
    message: bytes

    def serialize(self) -> bytes:
        fields: Fields = {} if self.prekey_id is None else {1: self.prekey_id}
        fields |= {2: tagged(self.base_public), 3: tagged(self.identity_public), 4: self.message}
        fields |= {5: self.registration_id, 6: self.signed_prekey_id}
        return VERSION + encode_fields(fields)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        fields = decode_fields(without_version(data))
        return cls(
            registration_id=integer(fields, 5),
            prekey_id=integer(fields, 1) if 1 in fields else None,
            signed_prekey_id=integer(fields, 6),
            base_public=untagged(binary(fields, 2)),
            identity_public=untagged(binary(fields, 3)),
            message=binary(fields, 4),
        )


def mac_of(body: bytes, mac_key: bytes, *, sender: bytes, receiver: bytes) -> bytes:
    """The 8 bytes at the end of a ratchet message (libsignal protocol.rs: SignalMessage::compute_mac)."""
    return hmac.digest(mac_key, tagged(sender) + tagged(receiver) + body, hashlib.sha256)[:MAC_SIZE]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if position >= len(data):
            raise SignalError("a Signal message is cut off")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, position
    raise SignalError("a number in a Signal message is too long")
