"""Files and folders that only their owner can use: what an account says and hears is nobody else's business."""

from __future__ import annotations

import os
import secrets
import stat
import sys
from pathlib import Path
from typing import BinaryIO


def not_ours_alone(found: os.stat_result) -> str | None:
    """Why what was found cannot be trusted to be the user's alone, as the end of a sentence; None when it can.

    Who owns a file can open it to everybody and change it. Who made another name for it holds on to it: it stays there
    when the first name is deleted, and what is written here is read there. root can do anything anyway.
    """
    if sys.platform == "win32":
        return None
    if found.st_uid not in (os.geteuid(), 0):
        return f"belongs to another user (uid {found.st_uid})"
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        return f"has {found.st_nlink} names (hard links), and the others may be somebody else's"
    return None


def ensure_private_folder(folder: Path) -> None:
    """Create the folder with mode 0700, and the parents that are missing too (``mkdir`` gives those the usual mode).

    Raises:
        OSError: it cannot be created. What is there already keeps its mode.
    """
    missing = [parent for parent in folder.parents if not parent.exists()]
    for parent in [*reversed(missing), folder]:
        parent.mkdir(mode=0o700, exist_ok=True)


def new_private_file(path: Path) -> BinaryIO:
    """A new file with mode 0600, open for writing.

    Raises:
        FileExistsError: something has this name, be it a link.
        OSError: it cannot be created.
    """
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))


def write_private(path: Path, content: bytes) -> None:
    """Write a file with mode 0600 in one step: a reader sees what was there before or all that is new.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    try:
        with new_private_file(draft) as file:
            file.write(content)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
