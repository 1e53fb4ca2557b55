"""Media files: what is sealed opens again, what was altered does not; pywhats agrees byte for byte."""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp_mcp.wire import media
from whatsapp_mcp.wire.media import MediaError, MediaKeys, MediaKind, MediaReference, Opener, Sealer

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from pywhats.media import crypto as theirs

CONTENTS = st.binary(max_size=400)
KINDS = st.sampled_from(MediaKind)
KEYS = st.binary(min_size=32, max_size=32)


@given(CONTENTS, KINDS)
def test_what_is_sealed_opens_again(content: bytes, kind: MediaKind) -> None:
    file, reference = media.seal(content, kind)
    assert media.open_file([file], reference) == content
    assert len(file) % 16 == media.MAC_SIZE
    assert reference.sha256 == hashlib.sha256(content).digest()
    assert reference.enc_sha256 == hashlib.sha256(file).digest()
    assert reference.length == len(content)


@given(CONTENTS, KEYS, KINDS, st.lists(st.integers(1, 60), max_size=20))
def test_the_size_of_the_pieces_does_not_matter(content: bytes, key: bytes, kind: MediaKind, cuts: list[int]) -> None:
    def cut(data: bytes) -> list[bytes]:
        parts, rest = [], data
        for size in cuts:
            parts.append(rest[:size])
            rest = rest[size:]
        return [*parts, rest]

    whole, reference = media.seal(content, kind, media_key=key)
    sealer = Sealer(kind, media_key=key)
    assert b"".join([*map(sealer.update, cut(content)), sealer.finish()]) == whole
    assert sealer.reference() == reference
    opener = Opener(reference)
    assert b"".join([*map(opener.update, cut(whole)), opener.finish()]) == content


@given(CONTENTS, KINDS, st.data())
def test_an_altered_file_does_not_open(content: bytes, kind: MediaKind, data: st.DataObject) -> None:
    file, reference = media.seal(content, kind)
    position = data.draw(st.integers(0, len(file) - 1))
    altered = file[:position] + bytes([file[position] ^ data.draw(st.integers(1, 255))]) + file[position + 1 :]
    with pytest.raises(MediaError):
        media.open_file([altered], reference)
    # Even whoever announces the altered file cannot get past the MAC.
    with pytest.raises(MediaError, match="MAC"):
        media.open_file([altered], replace(reference, enc_sha256=hashlib.sha256(altered).digest()))


@given(CONTENTS, st.integers(1, 40))
def test_a_shortened_file_does_not_open(content: bytes, missing: int) -> None:
    file, reference = media.seal(content, MediaKind.IMAGE)
    short = file[:-missing]
    with pytest.raises(MediaError):
        media.open_file([short], replace(reference, enc_sha256=hashlib.sha256(short).digest()))


def test_every_part_of_the_reference_counts() -> None:
    file, reference = media.seal(b"content", MediaKind.IMAGE)

    def opens(wrong: MediaReference) -> None:
        media.open_file([file], wrong)

    with pytest.raises(MediaError, match="announced"):
        opens(replace(reference, enc_sha256=bytes(32)))
    with pytest.raises(MediaError, match="content"):
        opens(replace(reference, sha256=bytes(32)))
    with pytest.raises(MediaError, match="MAC"):
        opens(replace(reference, media_key=bytes(32)))
    with pytest.raises(MediaError, match="MAC"):
        opens(replace(reference, kind=MediaKind.VIDEO))
    with pytest.raises(MediaError, match="32 bytes"):
        opens(replace(reference, media_key=b"short"))


THEIR_KINDS = {
    MediaKind.IMAGE: theirs.MEDIA_IMAGE,
    MediaKind.VIDEO: theirs.MEDIA_VIDEO,
    MediaKind.AUDIO: theirs.MEDIA_AUDIO,
    MediaKind.DOCUMENT: theirs.MEDIA_DOCUMENT,
    MediaKind.HISTORY: theirs.MEDIA_HISTORY,
    MediaKind.APP_STATE: theirs.MEDIA_APP_STATE,
}


@given(CONTENTS, KEYS, st.sampled_from(list(THEIR_KINDS)))
def test_pywhats_derives_the_same_keys_and_opens_our_files(content: bytes, key: bytes, kind: MediaKind) -> None:
    theirs_derived = theirs.derive_media_keys(key, THEIR_KINDS[kind])
    ours = MediaKeys.derive(key, kind)
    assert (ours.iv, ours.cipher, ours.mac, ours.reference) == (
        theirs_derived.iv,
        theirs_derived.cipher_key,
        theirs_derived.mac_key,
        theirs_derived.ref_key,
    )
    file, reference = media.seal(content, kind, media_key=key)
    opened = theirs.decrypt_media(
        file, key, THEIR_KINDS[kind], file_enc_sha256=reference.enc_sha256, file_sha256=reference.sha256
    )
    assert opened == content


def test_media_hosts_know_the_kinds_by_the_names_that_pywhats_has() -> None:
    assert {their: kind.mms_type for kind, their in THEIR_KINDS.items()} == theirs.MMS_TYPE
    assert MediaKind.of_mms_type("thumbnail-link") is MediaKind.LINK_THUMBNAIL
    assert MediaKind.of_mms_type("newsletter-image") is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ptt", MediaKind.AUDIO),
        ("ptv", MediaKind.VIDEO),
        ("gif", MediaKind.VIDEO),
        ("sticker", MediaKind.IMAGE),
    ],
)
def test_finer_names_are_for_kinds_with_the_same_keys(name: str, kind: MediaKind) -> None:
    assert MediaKind.of_mms_type(name) is kind
