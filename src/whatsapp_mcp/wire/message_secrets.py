"""What is said about a message later, encrypted under that message's own secret: votes, answers, comments, edits …

A message carries 32 random bytes (``messageContextInfo.messageSecret``). Source: whatsmeow msgsecret.go
(generateMsgSecretKey, EncryptPollVote, DecryptSecretEncryptedMessage).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.wire.keys import hkdf

SECRET_SIZE: Final = 32
_IV_SIZE: Final = 12


class SecretError(ValueError):
    """The change was not encrypted by this person for this message."""


class Change(Enum):
    """What is done to a message; the value is part of the key."""

    POLL_VOTE = "Poll Vote"
    MESSAGE_EDIT = "Message Edit"
    POLL_EDIT = "Poll Edit"
    POLL_ADD_OPTION = "Poll Add Option"
    EVENT_EDIT = "Event Edit"
    EVENT_RESPONSE = "Event Response"
    REACTION = "Enc Reaction"
    COMMENT = "Enc Comment"


_WITH_SENDER: Final = {Change.POLL_VOTE, Change.EVENT_RESPONSE}
"""Kinds whose ciphertext also vouches for message and sender as associated data."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The message that is changed."""

    id: str
    sender: Jid
    """In the form (number or LID) that both sides know it by; a device number is ignored."""
    secret: bytes = field(repr=False)


class SealedChange(NamedTuple):
    ciphertext: bytes
    iv: bytes


def new_secret() -> bytes:
    """A secret for a new message."""
    return secrets.token_bytes(SECRET_SIZE)


def option_hash(name: str) -> bytes:
    """How a vote names an option of a poll."""
    return hashlib.sha256(name.encode()).digest()


def seal_change(change: Change, origin: Origin, author: Jid, plaintext: bytes) -> SealedChange:
    """Encrypt what ``author`` does to a message."""
    iv = secrets.token_bytes(_IV_SIZE)
    key, associated = _key(change, origin, author)
    return SealedChange(AESGCM(key).encrypt(iv, plaintext, associated), iv)


def open_change(change: Change, origin: Origin, authors: Iterable[Jid], ciphertext: bytes, iv: bytes) -> bytes:
    """The plaintext of a change. ``authors`` are the addresses of the one who made it, to be tried in turn: whether
    the number or the LID went into the key depends on how the chat was addressed.

    Raises:
        SecretError: none of them made it, or not to this message.
    """
    if len(iv) != _IV_SIZE:
        raise SecretError(f"an initialisation vector has {_IV_SIZE} bytes here, not {len(iv)}")
    for author in authors:
        key, associated = _key(change, origin, author)
        try:
            return AESGCM(key).decrypt(iv, ciphertext, associated)
        except InvalidTag:
            continue
    raise SecretError(f"this {change.value.lower()} does not belong to the message it names")


def _key(change: Change, origin: Origin, author: Jid) -> tuple[bytes, bytes | None]:
    if len(origin.secret) != SECRET_SIZE:
        raise SecretError("the message it is about has no secret")
    info = f"{origin.id}{origin.sender.bare}{author.bare}{change.value}".encode()
    associated = f"{origin.id}\0{author.bare}".encode() if change in _WITH_SENDER else None
    return hkdf(origin.secret, 32, info=info), associated
