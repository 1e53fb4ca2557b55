"""Snapshots as files: sealed, opened, and refused when altered."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.wire.external_blob import MediaError, open_blob, seal_blob


@given(st.binary(max_size=300))
def test_what_was_sealed_can_be_opened(plaintext: bytes) -> None:
    sealed = seal_blob(plaintext)
    assert open_blob(sealed.file, sealed.reference) == plaintext
    assert sealed.reference.fileSizeBytes == len(plaintext)


@pytest.mark.parametrize("position", [0, 15, -1, -10, -11])
def test_an_altered_file_is_refused(position: int) -> None:
    sealed = seal_blob(b"snapshot" * 10)
    file = bytearray(sealed.file)
    file[position] ^= 1
    with pytest.raises(MediaError, match="announced"):
        open_blob(bytes(file), sealed.reference)


def test_the_mac_is_checked_even_when_the_hash_fits() -> None:
    """The hash comes from the same place as the file; only the MAC needs the media key."""
    import hashlib

    sealed = seal_blob(b"snapshot" * 10)
    file = sealed.file[:-1] + bytes([sealed.file[-1] ^ 1])
    sealed.reference.fileEncSHA256 = hashlib.sha256(file).digest()
    with pytest.raises(MediaError, match="MAC"):
        open_blob(file, sealed.reference)


def test_another_media_key_opens_nothing() -> None:
    sealed = seal_blob(b"snapshot")
    sealed.reference.mediaKey = bytes(32)
    with pytest.raises(MediaError):
        open_blob(sealed.file, sealed.reference)
    sealed.reference.mediaKey = b""
    with pytest.raises(MediaError, match="32 bytes"):
        open_blob(sealed.file, sealed.reference)
