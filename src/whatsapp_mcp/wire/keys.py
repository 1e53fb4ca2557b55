"""X25519 key pairs and HKDF-SHA256, as WhatsApp uses them everywhere: Noise, Signal, pairing, media, app state."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True)
class KeyPair:
    """An X25519 key pair; ``private`` is the 32-byte scalar (clamped or not: X25519 clamps it)."""

    private: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.private) != 32:
            raise ValueError(f"an X25519 private key has 32 bytes, not {len(self.private)}")

    @classmethod
    def generate(cls) -> Self:
        return cls(X25519PrivateKey.generate().private_bytes_raw())

    @cached_property
    def _key(self) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(self.private)

    @cached_property
    def public(self) -> bytes:
        """The public key, 32 bytes, without Signal's type byte 05."""
        return self._key.public_key().public_bytes_raw()

    def agree(self, public: bytes) -> bytes:
        """The shared secret (32 bytes) with the owner of ``public`` (32 bytes).

        Raises:
            ValueError: ``public`` is not 32 bytes, or a point of small order (the secret would be zero).
        """
        return self._key.exchange(X25519PublicKey.from_public_bytes(public))


def hkdf(ikm: bytes, length: int, *, salt: bytes = b"", info: bytes = b"") -> bytes:
    """HKDF-SHA256 (RFC 5869): ``length`` bytes; an empty salt means 32 zero bytes."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt or None, info=info).derive(ikm)
