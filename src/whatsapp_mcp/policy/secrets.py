"""Secrets in what is about to be sent: keys, card numbers, seed phrases, one-time codes.

Patterns of our own: detect-secrets looks for keys in source code, takes a fifth of a second to load with the HTTP
client that it verifies them with, and knows no card, no seed phrase and no code that a person would be asked for.

An owner who is asked about a phone number switches the question off, so each kind has a proof beside its shape where
there is one (Luhn, mod 97, the checksum of a seed phrase), or words around it. Who wants to hide a secret from this
can: it is not translated back from another alphabet, order or encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePath
from typing import Final

from whatsapp_mcp.policy.secret_codes import codes_in
from whatsapp_mcp.policy.secret_folding import folded, joined_singles
from whatsapp_mcp.policy.secret_keys import Found, keys_in
from whatsapp_mcp.policy.secret_numbers import cards_in, ibans_in, seed_phrases_in

__all__ = ["FILE_LOOKED_AT", "LOOKED_AT", "Found", "secrets_in", "secrets_in_file", "text_of"]

LOOKED_AT: Final = 65_536
"""Characters of a text, as many as WhatsApp allows. The worst of them take some tenths of a second, ordinary ones
milliseconds."""
FILE_LOOKED_AT: Final = 1 << 18
"""Bytes at the start of a file; to be looked at in a thread."""
MOST_FOUND: Final = 10

_NAMES: Final = {
    **dict.fromkeys(("id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"), "a private key"),
    **dict.fromkeys(("wallet.dat", "wallet.aes.json", "default_wallet", "electrum.dat"), "a wallet"),
    **dict.fromkeys((".netrc", "_netrc", ".pgpass", ".git-credentials", ".htpasswd", "shadow"), "a file of passwords"),
}
_SUFFIXES: Final = {
    **dict.fromkeys((".kdbx", ".kdb", ".psafe3", ".1pux", ".1pif", ".opvault", ".keychain-db"), "a password safe"),
    **dict.fromkeys((".p12", ".pfx", ".jks", ".keystore", ".ppk", ".snk"), "a private key"),
    **dict.fromkeys((".wallet",), "a wallet"),
}
_SAFE_MAGIC: Final = b"\x03\xd9\xa2\x9a"
"""KeePass, https://keepass.info/help/kb/kdbx.html."""


def secrets_in(text: str) -> tuple[Found, ...]:
    """What a text gives away, each secret once, at most ten; in time that grows no faster than the text.

    Characters that do not show, digits of other scripts and full-width letters do not hide one, nor do separators
    between digits or blanks between all characters.
    """
    return _some(_in_text(text[:LOOKED_AT]))


def secrets_in_file(name: str, head: bytes) -> tuple[Found, ...]:
    """What a file gives away: by its name, and by its text if it is one (UTF-8, UTF-16 with a mark).

    Args:
        name: its name or path.
        head: its first bytes, of which ``FILE_LOOKED_AT`` are looked at. What is packed (PDF, Office, ZIP, pictures)
            is not looked into.
    """
    return _some([*_by_name(PurePath(name).name.lower(), head), *_in_text(text_of(head[:FILE_LOOKED_AT]))])


def _in_text(text: str) -> Iterator[Found]:
    plain = folded(text)
    for part in (plain, *joined_singles(plain)):
        yield from keys_in(part)
        yield from cards_in(part)
        yield from ibans_in(part)
        yield from seed_phrases_in(part)
        yield from codes_in(part)


def _by_name(name: str, head: bytes) -> Iterator[Found]:
    kind = _NAMES.get(name) or _SUFFIXES.get(PurePath(name).suffix)
    if kind is None and head.startswith(_SAFE_MAGIC):
        kind = "a password safe"
    if kind is not None:
        yield Found(kind, "the whole file")


def text_of(head: bytes) -> str:
    """Of a file that begins so; empty when it is no text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    if b"\0" in head[:8_192] or head.startswith((b"%PDF", b"PK\x03\x04")):
        return ""
    return head.decode("utf-8", "replace")


def _some(found: Iterable[Found]) -> tuple[Found, ...]:
    some: dict[Found, None] = {}
    for each in found:
        some[each] = None
        if len(some) == MOST_FOUND:
            break
    return tuple(some)
