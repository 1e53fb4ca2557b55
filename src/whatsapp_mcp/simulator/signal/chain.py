"""Symmetric chains: from one chain key to the next, and from a chain key to the key of one message.

Used by both kinds of sessions, with other names in the key derivation (libsignal ratchet/keys.rs, sender_keys.rs).
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Final

from whatsapp_mcp.simulator.signal.signal_errors import DuplicateMessageError, SignalError
from whatsapp_mcp.wire import cbc

MAX_FORWARD_JUMP: Final = 25_000
"""libsignal consts.rs: a counter further ahead is an attack, not a gap."""

MAX_SKIPPED: Final = 2000
"""Keys kept per chain for messages that have not arrived yet; the oldest go first."""


@dataclass(slots=True)
class Chain:
    """A chain key (32 bytes) at ``counter``, and the seeds of message keys that were passed over."""

    key: bytes
    counter: int = 0
    skipped: dict[int, bytes] = field(default_factory=dict)

    def copy(self) -> Chain:
        return Chain(self.key, self.counter, dict(self.skipped))

    def next_seed(self) -> bytes:
        """The seed of the message key at ``counter``; the chain moves on."""
        seed = hmac.digest(self.key, b"\x01", hashlib.sha256)
        self.key = hmac.digest(self.key, b"\x02", hashlib.sha256)
        self.counter += 1
        return seed

    def seed_at(self, counter: int) -> bytes:
        """Take the seed of the message key at ``counter``: ahead of the chain, or one that was passed over.

        Raises:
            DuplicateMessageError: it was taken before, or dropped.
            SignalError: too far ahead.
        """
        if counter < self.counter:
            seed = self.skipped.pop(counter, None)
            if seed is None:
                raise DuplicateMessageError(f"the key of message {counter} has been used or dropped")
            return seed
        if counter - self.counter > MAX_FORWARD_JUMP:
            raise SignalError(f"message {counter} is too far ahead of {self.counter}")
        while self.counter < counter:
            skipped = self.counter
            self.skipped[skipped] = self.next_seed()
        while len(self.skipped) > MAX_SKIPPED:
            del self.skipped[next(iter(self.skipped))]
        return self.next_seed()


def cbc_decrypt(key: bytes, iv: bytes, ciphertext: bytes) -> bytes:
    """AES-256-CBC with PKCS#7 padding.

    Raises:
        SignalError: the size or the padding is wrong.
    """
    try:
        return cbc.decrypt(key, iv, ciphertext)
    except ValueError:
        raise SignalError("the ciphertext has a wrong size or padding") from None
