"""Sender keys: one ciphertext for a whole group (libsignal group_cipher.rs, sender_keys.rs).

The sender hands its chain and the public half of a signing key to every device in a pairwise message, once; afterwards
a group message is encrypted once (``<enc type="skmsg">``) and signed.
"""

from __future__ import annotations

import secrets

from whatsapp_mcp.simulator.signal.chain import Chain, cbc_decrypt
from whatsapp_mcp.simulator.signal.messages import (
    VERSION,
    binary,
    decode_fields,
    encode_fields,
    integer,
    tagged,
    untagged,
    without_version,
)
from whatsapp_mcp.simulator.signal.signal_errors import SignalError
from whatsapp_mcp.wire import cbc, xeddsa
from whatsapp_mcp.wire.keys import KeyPair, hkdf


class SenderKey:
    """One device's key for one group, on the sender's side (``create``) or a receiver's (``from_distribution``)."""

    def __init__(self, key_id: int, chain: Chain, signing_public: bytes, signing: KeyPair | None) -> None:
        self.key_id = key_id
        self._chain = chain
        self._signing_public = signing_public
        self._signing = signing

    @classmethod
    def create(cls) -> SenderKey:
        """A new key of our own."""
        signing = KeyPair.generate()
        return cls(secrets.randbits(31), Chain(secrets.token_bytes(32)), signing.public, signing)

    @classmethod
    def from_distribution(cls, data: bytes) -> SenderKey:
        """Another device's key, from ``axolotlSenderKeyDistributionMessage``; it can only decrypt.

        Raises:
            SignalError: the bytes are no distribution message.
        """
        fields = decode_fields(without_version(data))
        chain_key = binary(fields, 3)
        if len(chain_key) != 32:
            raise SignalError("the chain key of a sender key must have 32 bytes")
        return cls(integer(fields, 1), Chain(chain_key, integer(fields, 2)), untagged(binary(fields, 4)), None)

    def continues(self, other: SenderKey) -> bool:
        """Whether both are the same sender's same key, perhaps at different positions of its chain."""
        return (self.key_id, self._signing_public) == (other.key_id, other._signing_public)

    def distribution(self) -> bytes:
        """What the members need: everything that is encrypted from now on can be read with it."""
        return VERSION + encode_fields(
            {1: self.key_id, 2: self._chain.counter, 3: self._chain.key, 4: tagged(self._signing_public)}
        )

    def encrypt(self, plaintext: bytes) -> bytes:
        """The content of an ``skmsg``; pad the plaintext before.

        Raises:
            SignalError: this is somebody else's key.
        """
        if self._signing is None:
            raise SignalError("only the owner of a sender key can encrypt with it")
        iteration = self._chain.counter
        iv, key = _message_keys(self._chain.next_seed())
        body = VERSION + encode_fields({1: self.key_id, 2: iteration, 3: cbc.encrypt(key, iv, plaintext)})
        return body + xeddsa.sign(self._signing.private, body)

    def decrypt(self, data: bytes) -> bytes:
        """The (padded) plaintext of an ``skmsg``. A failure changes nothing.

        Raises:
            DuplicateMessageError: decrypted before.
            SignalError: wrong signature, another key, altered message.
        """
        body, signature = data[: -xeddsa.SIGNATURE_SIZE], data[-xeddsa.SIGNATURE_SIZE :]
        fields = decode_fields(without_version(body))
        if integer(fields, 1) != self.key_id:
            raise SignalError(f"encrypted with sender key {integer(fields, 1)}, not {self.key_id}")
        if not xeddsa.verify(self._signing_public, body, signature):
            raise SignalError("the signature of a group message is wrong")
        chain = self._chain.copy()
        iv, key = _message_keys(chain.seed_at(integer(fields, 2)))
        plaintext = cbc_decrypt(key, iv, binary(fields, 3))
        self._chain = chain
        return plaintext


def _message_keys(seed: bytes) -> tuple[bytes, bytes]:
    """Initialisation vector and AES key."""
    keys = hkdf(seed, 48, info=b"WhisperGroup")
    return keys[:16], keys[16:]
