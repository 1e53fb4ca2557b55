"""Where received media is kept: one file a message, under names that nobody else chose.

Chat, message id, type and file name all come from other people. They decide neither the folder nor an overwrite.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media import kinds
from whatsapp_mcp.media.convert.documents import safe_name
from whatsapp_mcp.platform.below import remove_below
from whatsapp_mcp.platform.files import replace, sync
from whatsapp_mcp.platform.names import is_device
from whatsapp_mcp.private_files import ensure_private_folder

TEMPORARY: Final = "outgoing"
"""Folder in the media folder: what is being sent or fetched; servers that start sweep it."""
HELD: Final = "held"
"""Folder in the media folder: the files of messages that leave later."""
NOT_CHATS: Final = (TEMPORARY, HELD)
"""What lies in the media folder beside the folders of chats."""
DOWNLOAD_PREFIX: Final = "download-"
"""Of files in the temporary folder that are being fetched."""
_MAX_PART: Final = 64
_CHAT: Final = re.compile(r"[a-z0-9_][a-z0-9@._-]*(?<!\.)")
_ID: Final = re.compile(r"[A-Z0-9_]+")
"""Chats and message ids that can be a part of a path as they are; of one case each, because on Windows and macOS `abc`
and `ABC` are one file."""


def draft(folder: Path) -> Path:
    """A place for a file that is not complete yet. ``folder``: the temporary one, which is made if need be.

    Raises:
        StoreError: there is no place for it.
    """
    place = folder / f"{DOWNLOAD_PREFIX}{secrets.token_hex(8)}.part"
    try:
        ensure_private_folder(place.parent)
    except OSError as error:
        raise StoreError(f"the media folder cannot be written: {error.strerror}") from error
    return place


def discard(place: Path) -> None:
    """Delete a file of the temporary folder. One that cannot be deleted now (on Windows: while a virus scanner looks at
    it) the next server sweeps.
    """
    with suppress(OSError):
        place.unlink(missing_ok=True)


def target(folder: Path, *, chat: Jid, message_id: str, mimetype: str, name: str | None = None) -> Path:
    """The place of a message's media, always directly in a folder of its chat below ``folder``. Touches nothing.

    Args:
        folder: the media folder of the account.
        mimetype: as announced; gives the extension when there is no name.
        name: as the sender called a document.
    """
    base = mimetype.partition(";")[0].strip().lower()
    extension = kinds.EXTENSIONS.get(mimetype) or kinds.EXTENSIONS.get(base) or "bin"
    chat_part, id_part = _part(str(chat.bare), _CHAT), _part(message_id, _ID)
    if name:
        return folder / chat_part / f"{id_part}-{safe_name(name, extension=extension)}"
    return folder / chat_part / f"{id_part}.{extension}"


def is_kept(place: Path) -> bool:
    """Whether the file of an earlier download is there, and a plain file."""
    return place.is_file() and not place.is_symlink()


def kept_or_free(place: Path, sha256: bytes | None) -> tuple[Path, bool]:
    """Where the file of a message lies or is to be put, and whether it is there.

    Another message can have the same id, and the file of a message can be replaced by a better one: what lies at the
    usual place counts only when it has the right content.

    Args:
        place: from :func:`target`.
        sha256: of the content; None when it is not known.
    """
    for candidate in (place, _second(place, sha256)):
        if not is_kept(candidate):
            return candidate, False
        if sha256 is None or _sha256(candidate) == sha256:
            return candidate, True
    return candidate, False


def _second(place: Path, sha256: bytes | None) -> Path:
    """Beside the place, where another message's file lies."""
    return place.with_name(f"{(sha256 or b'').hex()[:16]}-{place.name}")


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def keep(fetched: Path, place: Path) -> None:
    """Move a private file that was fetched to its place, in one step.

    Args:
        fetched: on the same file system.
        place: from :func:`target`.

    Raises:
        StoreError: the folder cannot be written, or is not a folder of ours.
    """
    try:
        _own_folder(place.parent.parent)
        _own_folder(place.parent)
        with fetched.open("r+b") as file:  # Windows syncs only what may be written
            sync(file.fileno())
        replace(fetched, place)
    except OSError as error:
        raise StoreError(f"the media folder cannot be written: {error.strerror}") from error


def remove_all(place: Path, sha256: bytes | None) -> None:
    """Delete the media of a message wherever :func:`kept_or_free` may have put it.

    Raises:
        StoreError: a file cannot be deleted.
    """
    remove(place)
    remove(_second(place, sha256))


def remove(place: Path) -> bool:
    """Delete a kept file, if it is there. Follows no link and deletes nothing but a plain file.

    Args:
        place: from :func:`target`.

    Raises:
        StoreError: the file cannot be deleted.
    """
    try:
        return remove_below(place.parent.parent, place.parent.name, place.name)
    except OSError as error:
        raise StoreError(f"{place} cannot be deleted: {error.strerror}") from error


def _own_folder(folder: Path) -> None:
    ensure_private_folder(folder)
    if folder.is_symlink():
        raise StoreError(f"{folder} is a symbolic link; media is not written through it.")


def _part(text: str, plain: re.Pattern[str]) -> str:
    """One path component; what had to be changed gets a digest, so that two different texts never meet."""
    if len(text) <= _MAX_PART and plain.fullmatch(text) and not is_device(text):
        return text
    legible = re.sub(r"[^A-Za-z0-9@_-]", "_", text).lstrip("-")[:40] or "x"
    return f"{legible}+{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
