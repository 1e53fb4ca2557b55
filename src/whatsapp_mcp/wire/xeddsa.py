"""XEdDSA: Ed25519 signatures made and checked with X25519 keys.

Source: signal.org/docs/specifications/xeddsa; libsignal curve25519.rs. The specification forces the Edwards public
key to sign 0. libsignal does not: the sign travels in the top bit of the signature's last byte. Made here is the first
kind, which every client takes; checked are both.

Signing is arithmetic on Python integers, 1 to 2 ms and NOT constant time: right for a simulator and for keys that the
local user owns anyway, wrong for a service that signs for strangers. Checking is `cryptography`'s Ed25519.
"""

from __future__ import annotations

import hashlib
import secrets
from functools import cache
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNATURE_SIZE: Final = 64

_P: Final = 2**255 - 19
_ORDER: Final = 2**252 + 27742317777372353535851937790883648493
_D2: Final = 2 * -121665 * pow(121666, -1, _P) % _P
_BASE_Y: Final = 4 * pow(5, -1, _P) % _P
_BASE_X: Final = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_NONCE_PREFIX: Final = b"\xfe" + b"\xff" * 31
"""Separates the nonce hash from every other use of SHA-512 with this key (XEdDSA §2.2, hash1)."""

_Point = tuple[int, int, int, int]
"""Extended homogeneous coordinates X, Y, Z, T of the Edwards curve (RFC 8032 §5.1.4)."""


def sign(private: bytes, message: bytes, *, random: bytes | None = None) -> bytes:
    """Sign with an X25519 private key (32 bytes); the signature has 64 bytes.

    ``random`` (64 bytes) replaces fresh randomness; give it only where the result must be reproducible.

    Raises:
        ValueError: wrong size of ``private`` or ``random``.
    """
    if len(private) != 32:
        raise ValueError(f"an X25519 private key has 32 bytes, not {len(private)}")
    nonce = secrets.token_bytes(64) if random is None else random
    if len(nonce) != 64:
        raise ValueError(f"XEdDSA takes 64 random bytes, not {len(nonce)}")
    scalar = _clamp(private)
    public = _multiply_base(scalar)
    if public[31] & 0x80:
        scalar, public = _ORDER - scalar % _ORDER, public[:31] + bytes([public[31] & 0x7F])
    r = _hash_to_scalar(_NONCE_PREFIX, scalar.to_bytes(32, "little"), message, nonce)
    commitment = _multiply_base(r)
    s = (r + _hash_to_scalar(commitment, public, message) * scalar) % _ORDER
    return commitment + s.to_bytes(32, "little")


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` over ``message`` was made with the X25519 key ``public`` (32 bytes). Never raises."""
    if len(public) != 32 or len(signature) != SIGNATURE_SIZE:
        return False
    u = int.from_bytes(public, "little") & (2**255 - 1)
    if u >= _P - 1:  # not reduced, or u = -1, which has no Edwards counterpart
        return False
    y = (u - 1) * pow(u + 1, -1, _P) % _P
    edwards = bytearray(y.to_bytes(32, "little"))
    edwards[31] |= signature[63] & 0x80
    plain = signature[:63] + bytes([signature[63] & 0x7F])
    try:
        Ed25519PublicKey.from_public_bytes(bytes(edwards)).verify(plain, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _clamp(private: bytes) -> int:
    return int.from_bytes(private, "little") & ~7 & (2**255 - 1) | 2**254


def _hash_to_scalar(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % _ORDER


def _add(a: _Point, b: _Point) -> _Point:
    """Point addition, also valid for doubling (RFC 8032 §5.1.4)."""
    ax, ay, az, at = a
    bx, by, bz, bt = b
    m = (ay - ax) * (by - bx) % _P
    n = (ay + ax) * (by + bx) % _P
    c = at * bt * _D2 % _P
    d = 2 * az * bz % _P
    e, f, g, h = n - m, d - c, d + c, n + m
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


@cache
def _base_powers() -> tuple[_Point, ...]:
    """B, 2B, 4B … 2^254 B: half of the work of a multiplication, done once."""
    points = [(_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % _P)]
    for _ in range(254):
        points.append(_add(points[-1], points[-1]))
    return tuple(points)


def _multiply_base(scalar: int) -> bytes:
    """scalar * B in the 32-byte form of Ed25519: y, with the lowest bit of x as the top bit."""
    total: _Point = (0, 1, 1, 0)
    for bit, power in enumerate(_base_powers()):
        if scalar >> bit & 1:
            total = _add(total, power)
    x, y, z, _ = total
    inverse = pow(z, -1, _P)
    return (y * inverse % _P | (x * inverse % _P & 1) << 255).to_bytes(32, "little")
