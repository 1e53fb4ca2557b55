"""Votes and edits under a message's secret: who may open them, and whatsmeow's derivation written out once more."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.wire.message_secrets import (
    Change,
    Origin,
    SecretError,
    new_secret,
    open_change,
    option_hash,
    seal_change,
)

ANA, BEA = Jid("1001", "lid", 3), Jid("12025550122", "s.whatsapp.net")
CHANGES = st.sampled_from(Change)


@given(CHANGES, st.binary(max_size=200))
def test_what_is_sealed_opens_for_the_right_author_only(change: Change, plaintext: bytes) -> None:
    origin = Origin("3EB0", ANA, new_secret())
    sealed = seal_change(change, origin, BEA, plaintext)
    assert open_change(change, origin, [ANA, BEA], *sealed) == plaintext
    with pytest.raises(SecretError, match="does not belong"):
        open_change(change, origin, [ANA], *sealed)
    with pytest.raises(SecretError):
        open_change(change, Origin("3EB1", ANA, origin.secret), [BEA], *sealed)
    with pytest.raises(SecretError):
        open_change(change, Origin("3EB0", ANA, new_secret()), [BEA], *sealed)


@given(CHANGES, CHANGES)
def test_one_kind_of_change_is_no_other(one: Change, other: Change) -> None:
    origin = Origin("3EB0", ANA, bytes(32))
    sealed = seal_change(one, origin, BEA, b"x")
    if one is not other:
        with pytest.raises(SecretError):
            open_change(other, origin, [BEA], *sealed)


@pytest.mark.parametrize(
    ("change", "associated"),
    [(Change.POLL_VOTE, b"3EB0\x0012025550122@s.whatsapp.net"), (Change.MESSAGE_EDIT, None)],
)
def test_the_key_is_derived_as_whatsmeow_does(change: Change, associated: bytes | None) -> None:
    secret = bytes(range(32))
    sealed = seal_change(change, Origin("3EB0", ANA, secret), BEA, b"content")
    info = b"3EB0" + b"1001@lid" + b"12025550122@s.whatsapp.net" + change.value.encode()
    extracted = hmac.digest(bytes(32), secret, "sha256")
    key = hmac.digest(extracted, info + b"\x01", "sha256")
    assert AESGCM(key).decrypt(sealed.iv, sealed.ciphertext, associated) == b"content"


def test_what_cannot_be_a_change() -> None:
    with pytest.raises(SecretError, match="no secret"):
        seal_change(Change.POLL_VOTE, Origin("1", ANA, b""), BEA, b"")
    with pytest.raises(SecretError, match="12 bytes"):
        open_change(Change.POLL_VOTE, Origin("1", ANA, bytes(32)), [BEA], b"", b"short")
    assert option_hash("Fri") == hashlib.sha256(b"Fri").digest()
