"""File names and paths as Windows understands them: what names a device, a stream or another machine there.

The same on every system: a folder may be synced to Windows, and the rules can be tested anywhere.

Sources: learn.microsoft.com "Naming Files, Paths, and Namespaces", "File path formats on Windows systems".
"""

from __future__ import annotations

import re
from typing import Final

_DEVICE: Final = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$|clock\$)", re.IGNORECASE)
_UNUSABLE: Final = re.compile(r'[\x00-\x1f<>:"|?*]')
"""Characters that no name has. ``:`` begins the name of a stream of the file; the others stand for more characters when
a folder is searched.
"""
_SEPARATOR: Final = re.compile(r"[\\/]")
_DRIVE: Final = re.compile(r"[A-Za-z]:")


def is_device(name: str) -> bool:
    """Whether the name means a device, whatever extension follows: ``aux``, ``CON.txt``, ``com1 .tar.gz``."""
    return _DEVICE.fullmatch(name.partition(".")[0].rstrip(" ")) is not None


def is_misread(name: str) -> bool:
    """Whether Windows takes the name of a file for something else: a device, a stream, another or no file.

    A name that ends in dots or blanks is another one there: without them.
    """
    return not name or name.endswith((".", " ")) or _UNUSABLE.search(name) is not None or is_device(name)


def leads_elsewhere(path: str) -> bool:
    """Whether Windows finds a path in another place than a person who reads it, or must not even look for it.

    So it is with paths of another machine (``\\\\host\\share``: to look for them tells that machine the user's name and
    a hash of the password), of devices (``\\\\?\\``, ``\\\\.\\``), of the folder that a drive was last in (``C:file``),
    and with names that are misread.
    """
    if len(path) > 1 and _SEPARATOR.match(path[0]) and _SEPARATOR.match(path[1]):
        return True
    drive = _DRIVE.match(path)
    rest = path[2:] if drive else path
    if drive and not _SEPARATOR.match(rest):
        return True
    return any(is_misread(part) for part in _SEPARATOR.split(rest) if part not in ("", ".", ".."))
