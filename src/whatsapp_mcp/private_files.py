"""Files and folders that only their owner can use: what an account says and hears is nobody else's business."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import BinaryIO

from whatsapp_mcp.platform import ownership
from whatsapp_mcp.platform.files import remove, replace


def ensure_private_folder(folder: Path) -> None:
    """Create the folder for its owner alone (mode 0700), and the parents that are missing too (``mkdir`` gives those
    the usual mode).

    Raises:
        OSError: it cannot be created. What is there already keeps its mode.
    """
    missing = [parent for parent in folder.parents if not parent.exists()]
    for parent in [*reversed(missing), folder]:
        ownership.make_private_folder(parent)


def new_private_file(path: Path) -> BinaryIO:
    """A new file for its owner alone (mode 0600), open for writing bytes.

    Raises:
        FileExistsError: something has this name, be it a link.
        OSError: it cannot be created.
    """
    return open(path, "xb", opener=lambda name, flags: ownership.new_private_file(Path(name)))


def write_private(path: Path, content: bytes) -> None:
    """Write a file like :func:`new_private_file` in one step: a reader sees what was there before or all that is new.

    Raises:
        OSError: it cannot be written; what was there before is still there.
    """
    draft = path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}")
    try:
        with new_private_file(draft) as file:
            file.write(content)
        replace(draft, path)
    finally:
        remove(draft)
