"""Key pairs and key derivation."""

from __future__ import annotations

import pytest

from whatsapp_mcp.wire.keys import KeyPair, hkdf


def test_agreement_of_rfc_7748() -> None:
    pair = KeyPair(bytes.fromhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"))
    public = bytes.fromhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c")
    assert pair.agree(public).hex() == "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"


def test_both_sides_agree() -> None:
    one, other = KeyPair.generate(), KeyPair.generate()
    assert one.agree(other.public) == other.agree(one.public)


def test_private_key_is_not_shown() -> None:
    pair = KeyPair.generate()
    assert pair.private.hex() not in repr(pair)
    assert repr(pair.private) not in repr(pair)


@pytest.mark.parametrize("private", [b"", b"\1" * 31, b"\1" * 33])
def test_private_keys_have_32_bytes(private: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeyPair(private)


@pytest.mark.parametrize("public", [b"", b"\0" * 32, b"\1" + b"\0" * 31])
def test_unusable_public_keys_are_refused(public: bytes) -> None:
    with pytest.raises(ValueError):
        KeyPair.generate().agree(public)


def test_hkdf_of_rfc_5869() -> None:
    first = hkdf(b"\x0b" * 22, 42, salt=bytes(range(13)), info=bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"))
    assert first.hex() == ("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865")
    third = hkdf(b"\x0b" * 22, 42)
    assert third.hex() == ("8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8")
