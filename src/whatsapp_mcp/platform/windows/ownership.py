"""Owners and access lists. What is made private has a list of its own: the system, administrators, the user."""

from __future__ import annotations

import msvcrt
import os
import stat
import sys
from pathlib import Path
from typing import Final

from whatsapp_mcp.platform import sddl
from whatsapp_mcp.platform.windows import opening, security

assert sys.platform == "win32"

_FILE_APPEND_DATA: Final = 4
_SYNCHRONIZE: Final = 0x0010_0000
_FILE_READ_ATTRIBUTES: Final = 0x80


def _user_alone(flags: str = "") -> str:
    """An access list for the system, administrators and the user; nothing is inherited from the folder.

    Python does nearly the same for ``mkdir`` with mode 0700, but not in all versions that this program runs on
    (CVE-2024-4030), and for the owner: what was made with the rights of an administrator is the administrators', and
    the user would be locked out.
    """
    return "D:P" + "".join(f"(A;{flags};FA;;;{whom})" for whom in ("SY", "BA", security.user()))


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
    """Leave a file to its owner alone.

    Raises:
        OSError: it is somebody else's.
    """
    if others_may_read(path) is not None:
        security.protect(path, _user_alone())


def close_folder_to_others(folder: Path) -> None:
    """Leave a folder, and what inherits from it, to its owner alone.

    Raises:
        OSError: it is somebody else's.
    """
    security.protect(folder, _user_alone("OICI"))


def new_private_file(path: Path) -> int:
    """A descriptor to write bytes, of a new file for its owner alone, who can rename and delete it meanwhile; no child
    gets it.

    Raises:
        FileExistsError: something has this name, be it a link.
        OSError: it cannot be made.
    """
    handle = security.create_file(path, _user_alone(), opening.GENERIC_WRITE, opening.CREATE_NEW, opening.SHARE_ALL)
    return msvcrt.open_osfhandle(handle, os.O_WRONLY | os.O_BINARY | os.O_NOINHERIT)


def open_private_file(path: Path) -> int:
    """A descriptor to read and write bytes, of a file that is made for its owner alone if it is missing; no child gets
    it.

    Raises:
        OSError: it cannot be opened.
    """
    handle = security.create_file(
        path, _user_alone(), opening.GENERIC_READ | opening.GENERIC_WRITE, opening.OPEN_ALWAYS
    )
    return msvcrt.open_osfhandle(handle, os.O_RDWR | os.O_BINARY | os.O_NOINHERIT)


def open_private_log(path: Path) -> int:
    """A descriptor whose every write goes to the end of the file in one piece, whoever else writes there; the file is
    made for its owner alone if it is missing, and can be renamed and removed meanwhile. No child gets it.

    The right to append without the right to write is what makes the system look for the end itself (learn.microsoft.com
    "File Access Rights Constants").

    Raises:
        OSError: it cannot be opened.
    """
    access = _FILE_APPEND_DATA | _FILE_READ_ATTRIBUTES | _SYNCHRONIZE
    handle = security.create_file(path, _user_alone(), access, opening.OPEN_ALWAYS, opening.SHARE_ALL)
    return msvcrt.open_osfhandle(handle, os.O_WRONLY | os.O_BINARY | os.O_NOINHERIT)


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
        security.make_folder(folder, _user_alone("OICI"))
    except FileExistsError:
        if not folder.is_dir():
            raise
