"""One session between two devices: X3DH to begin with, then the double ratchet.

Source: libsignal ratchet.rs, session_cipher.rs; signal.org/docs/specifications/{x3dh,doubleratchet}.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from typing import Final

from whatsapp_mcp.simulator.signal.chain import Chain, cbc_decrypt
from whatsapp_mcp.simulator.signal.messages import MAC_SIZE, RatchetMessage, mac_of
from whatsapp_mcp.simulator.signal.signal_errors import SignalError
from whatsapp_mcp.wire import cbc
from whatsapp_mcp.wire.keys import KeyPair, hkdf

MAX_RECEIVING_CHAINS: Final = 5
"""libsignal consts.rs: old chains are kept for messages that come late."""


@dataclass(frozen=True, slots=True)
class PendingPreKey:
    """What an initiator repeats in every message until the first answer proves that the peer has the session."""

    prekey_id: int | None
    signed_prekey_id: int


@dataclass(slots=True)
class SignalSession:
    """State of one session, as this device sees it. Public keys are 32 bytes."""

    own_identity: bytes
    peer_identity: bytes
    base_public: bytes
    """The initiator's one-time key: it names the session."""
    root_key: bytes
    own_ratchet: KeyPair
    sending: Chain
    previous_counter: int = 0
    receiving: dict[bytes, Chain] = field(default_factory=dict)
    """By the peer's ratchet key, oldest first."""
    pending: PendingPreKey | None = None

    @classmethod
    def initiate(
        cls,
        identity: KeyPair,
        peer_identity: bytes,
        *,
        signed_prekey: bytes,
        one_time_prekey: bytes | None,
        pending: PendingPreKey,
    ) -> SignalSession:
        """The session of the device that writes first, from the peer's published keys."""
        base = KeyPair.generate()
        secrets = [agree(identity, signed_prekey), agree(base, peer_identity), agree(base, signed_prekey)]
        if one_time_prekey is not None:
            secrets.append(agree(base, one_time_prekey))
        root_key, first_chain = _first_keys(secrets)
        ratchet = KeyPair.generate()
        root_key, sending_chain = _ratchet_step(root_key, ratchet, signed_prekey)
        return cls(
            own_identity=identity.public,
            peer_identity=peer_identity,
            base_public=base.public,
            root_key=root_key,
            own_ratchet=ratchet,
            sending=Chain(sending_chain),
            receiving={signed_prekey: Chain(first_chain)},
            pending=pending,
        )

    @classmethod
    def answer(
        cls,
        identity: KeyPair,
        peer_identity: bytes,
        base_public: bytes,
        *,
        signed_prekey: KeyPair,
        one_time_prekey: KeyPair | None,
    ) -> SignalSession:
        """The session of the device that was written to, from the keys in the first message."""
        secrets = [
            agree(signed_prekey, peer_identity),
            agree(identity, base_public),
            agree(signed_prekey, base_public),
        ]
        if one_time_prekey is not None:
            secrets.append(agree(one_time_prekey, base_public))
        root_key, first_chain = _first_keys(secrets)
        return cls(
            own_identity=identity.public,
            peer_identity=peer_identity,
            base_public=base_public,
            root_key=root_key,
            own_ratchet=signed_prekey,
            sending=Chain(first_chain),
        )

    def copy(self) -> SignalSession:
        """Independent of this one: decrypt with a copy, keep it only when that worked."""
        receiving = {public: chain.copy() for public, chain in self.receiving.items()}
        return replace(self, sending=self.sending.copy(), receiving=receiving)

    def encrypt(self, plaintext: bytes) -> bytes:
        """A serialised ratchet message."""
        counter = self.sending.counter
        cipher_key, mac_key, iv = _message_keys(self.sending.next_seed())
        message = RatchetMessage(
            self.own_ratchet.public, counter, self.previous_counter, cbc.encrypt(cipher_key, iv, plaintext)
        )
        return message.serialize(mac_key, sender=self.own_identity, receiver=self.peer_identity)

    def decrypt(self, data: bytes) -> bytes:
        """The plaintext of a serialised ratchet message. After a failure the state is not usable: see ``copy``.

        Raises:
            SignalError: altered, or not of this session.
            DuplicateMessageError: seen before.
        """
        message = RatchetMessage.parse(data)
        chain = self.receiving.get(message.ratchet_public) or self._turn_ratchet(message)
        cipher_key, mac_key, iv = _message_keys(chain.seed_at(message.counter))
        expected = mac_of(data[:-MAC_SIZE], mac_key, sender=self.peer_identity, receiver=self.own_identity)
        if not hmac.compare_digest(expected, data[-MAC_SIZE:]):
            raise SignalError("the MAC of a message is wrong: altered, or of another session")
        self.pending = None
        return cbc_decrypt(cipher_key, iv, message.ciphertext)

    def _turn_ratchet(self, message: RatchetMessage) -> Chain:
        """The peer has a new ratchet key: its new chain, and a new key and chain of our own."""
        root_key, receiving_chain = _ratchet_step(self.root_key, self.own_ratchet, message.ratchet_public)
        own_ratchet = KeyPair.generate()
        self.root_key, sending_chain = _ratchet_step(root_key, own_ratchet, message.ratchet_public)
        self.previous_counter = max(self.sending.counter - 1, 0)
        self.own_ratchet = own_ratchet
        self.sending = Chain(sending_chain)
        chain = self.receiving[message.ratchet_public] = Chain(receiving_chain)
        while len(self.receiving) > MAX_RECEIVING_CHAINS:
            del self.receiving[next(iter(self.receiving))]
        return chain


def agree(own: KeyPair, public: bytes) -> bytes:
    """X25519, with an unusable key of the peer as ``SignalError``."""
    try:
        return own.agree(public)
    except ValueError as error:
        raise SignalError(f"the peer's public key is unusable: {error}") from None


def _first_keys(secrets: list[bytes]) -> tuple[bytes, bytes]:
    """X3DH: root key and the answering side's first sending chain key."""
    keys = hkdf(b"\xff" * 32 + b"".join(secrets), 64, info=b"WhisperText")
    return keys[:32], keys[32:]


def _ratchet_step(root_key: bytes, own: KeyPair, peer_public: bytes) -> tuple[bytes, bytes]:
    keys = hkdf(agree(own, peer_public), 64, salt=root_key, info=b"WhisperRatchet")
    return keys[:32], keys[32:]


def _message_keys(seed: bytes) -> tuple[bytes, bytes, bytes]:
    """AES key, MAC key, initialisation vector."""
    keys = hkdf(seed, 80, info=b"WhisperMessageKeys")
    return keys[:32], keys[32:64], keys[64:]
