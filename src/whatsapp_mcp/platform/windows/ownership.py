"""Owners and access lists: a folder of ours is closed to other users, and what is made in it inherits that."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import Final

from whatsapp_mcp.platform import sddl
from whatsapp_mcp.platform.windows import security

assert sys.platform == "win32"

_OWNER_ALONE: Final = "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;OW)"
"""For the system, administrators and the owner; nothing from the folder above. Python does the same for ``mkdir`` with
mode 0700, but not in all versions that this program runs on (CVE-2024-4030)."""


def not_ours_alone(found: os.stat_result) -> str | None:
    """Why what was found cannot be trusted to be the user's alone, as the end of a sentence; None when it can.

    Who made another name for a file holds on to it: it stays there when the first name is deleted. Who owns it is not
    told here: ``others_may_read`` says it.
    """
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        return f"has {found.st_nlink} names (hard links), and the others may be somebody else's"
    return None


def others_may_read(file: int | Path) -> str | None:
    """By what others may do anything with an open file, or a file or folder; None when they may not.

    Raises:
        OSError: it cannot be looked at.
    """
    return _open_to(file, sddl.READING | sddl.CHANGING)


def others_may_change(folder: Path) -> str | None:
    """By what others may make, replace and delete files in this folder; None when they may not.

    Raises:
        OSError: it cannot be looked at.
    """
    return _open_to(folder, sddl.CHANGING)


def _open_to(file: int | Path, bits: int) -> str | None:
    found = sddl.strangers(sddl.parse(security.descriptor_of(file)), security.user(), bits)
    return f"open to {', '.join(found)}" if found else None


def close_to_others(path: Path) -> None:
    """Leave a file to its owner alone: its folder does that.

    Raises:
        OSError: it is somebody else's.
    """


def how_to_close(path: Path) -> str:
    """The command with which a person leaves a file or folder to its owner alone."""
    if path.is_dir():
        return f'icacls "{path}" /inheritance:r /grant:r "%USERNAME%:(OI)(CI)F" SYSTEM:(OI)(CI)F /T'
    return f'icacls "{path}" /inheritance:r /grant:r "%USERNAME%:F" SYSTEM:F'


def make_private_folder(folder: Path) -> None:
    """Make a folder for its owner alone in one that is there. What is there already keeps its access list.

    Raises:
        OSError: it cannot be made.
    """
    try:
        security.make_folder(folder, _OWNER_ALONE)
    except FileExistsError:
        if not folder.is_dir():
            raise
