"""XEdDSA signatures."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whatsapp_mcp.wire import xeddsa
from whatsapp_mcp.wire.keys import KeyPair

PRIVATE = st.binary(min_size=32, max_size=32)


@given(PRIVATE, st.binary(max_size=200))
@settings(max_examples=50)
def test_a_signature_is_valid_for_its_key_and_message_only(private: bytes, message: bytes) -> None:
    public = KeyPair(private).public
    signature = xeddsa.sign(private, message)
    assert len(signature) == xeddsa.SIGNATURE_SIZE
    assert xeddsa.verify(public, message, signature)
    assert not xeddsa.verify(public, message + b"\0", signature)
    assert not xeddsa.verify(KeyPair.generate().public, message, signature)


@given(st.integers(0, 511))
@settings(max_examples=60)
def test_every_bit_of_a_signature_counts(bit: int) -> None:
    pair = KeyPair(b"\x42" * 32)
    signature = bytearray(xeddsa.sign(pair.private, b"message", random=b"\0" * 64))
    signature[bit // 8] ^= 1 << bit % 8
    assert not xeddsa.verify(pair.public, b"message", bytes(signature))


def test_the_sign_of_the_edwards_key_is_never_needed_to_check_what_is_made_here() -> None:
    """Some clients know the form of the specification only."""
    for number in range(20):
        pair = KeyPair(bytes([number]) * 32)
        signature = xeddsa.sign(pair.private, b"x")
        assert signature[63] >> 7 == 0
        assert xeddsa.verify(pair.public, b"x", signature)


def test_a_signature_of_the_form_with_the_sign_is_valid_too() -> None:
    """Made as libsignal does: of the private key of 32 zero bytes, with 64 of them as randomness."""
    signature = bytes.fromhex(
        "8b749532555fd5441395d4fd2782e96a902dbdeacdd7f72d4f3964b302c8ad0a"
        "f6162725c9cba69257125af6cbe83b919dae1cc06d7032560d56e0d5512b6e89"
    )
    public = KeyPair(bytes(32)).public
    assert xeddsa.verify(public, b"x", signature)
    assert not xeddsa.verify(public, b"x", signature[:63] + b"\x09")


def test_signatures_are_randomised_unless_the_randomness_is_given() -> None:
    private = b"\x07" * 32
    assert xeddsa.sign(private, b"x") != xeddsa.sign(private, b"x")
    assert xeddsa.sign(private, b"x", random=b"\1" * 64) == xeddsa.sign(private, b"x", random=b"\1" * 64)


@given(st.binary(max_size=40), st.binary(max_size=80))
def test_verifying_never_raises(public: bytes, signature: bytes) -> None:
    assert not xeddsa.verify(public, b"x", signature)


@pytest.mark.parametrize("u", [2**255 - 20, 2**255 - 19, 2**255 - 1, 0])
def test_points_without_an_edwards_counterpart_are_refused(u: int) -> None:
    assert not xeddsa.verify(u.to_bytes(32, "little"), b"x", b"\1" * 63 + b"\0")


def test_wrong_sizes_are_refused_when_signing() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        xeddsa.sign(b"\1" * 31, b"x")
    with pytest.raises(ValueError, match="64 random bytes"):
        xeddsa.sign(b"\1" * 32, b"x", random=b"\1" * 32)
