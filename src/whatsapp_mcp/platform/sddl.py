"""Who a Windows access list lets in, read from its text form (SDDL).

Sources: learn.microsoft.com "Security Descriptor String Format", "ACE Strings", "SID Strings"; winnt.h for the bits.
The same text on every system, so that it can be tested on every system.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

READING: Final = 0x9000_0001
"""FILE_READ_DATA (of a folder: listing), GENERIC_READ, GENERIC_ALL."""
CHANGING: Final = 0x500D_0046
"""FILE_WRITE_DATA and FILE_APPEND_DATA (of a folder: new files and folders), FILE_DELETE_CHILD, DELETE, WRITE_DAC,
WRITE_OWNER, GENERIC_WRITE, GENERIC_ALL."""

TRUSTED: Final = frozenset(
    {
        "SY",  # the system
        "BA",  # administrators: they can do anything anyway, like root
        "OW",  # whoever owns it, and who that is stands in the descriptor
        "CO",  # whoever makes a file in the folder
        "S-1-5-18",
        "S-1-5-32-544",
        "S-1-3-0",
        "S-1-3-4",
        "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464",  # TrustedInstaller
    }
)
"""Whom nobody keeps out, besides the user."""

_APPLICATION: Final = re.compile(r"AC|S-1-15-\d[-\d]*")
"""Packaged applications: they act for a user, who must be let in too."""
_NAMES: Final = {
    "WD": "Everyone",
    "AN": "Anonymous",
    "AU": "Authenticated Users",
    "BU": "Users",
    "BG": "Guests",
    "IU": "Interactive",
    "NU": "Network",
    "S-1-1-0": "Everyone",
    "S-1-5-11": "Authenticated Users",
    "S-1-5-32-545": "Users",
}
_RIGHTS: Final = {
    "CC": 0x1,
    "DC": 0x2,
    "LC": 0x4,
    "SW": 0x8,
    "RP": 0x10,
    "WP": 0x20,
    "DT": 0x40,
    "LO": 0x80,
    "CR": 0x100,
    "SD": 0x1_0000,
    "RC": 0x2_0000,
    "WD": 0x4_0000,
    "WO": 0x8_0000,
    "GA": 0x1000_0000,
    "GX": 0x2000_0000,
    "GW": 0x4000_0000,
    "GR": 0x8000_0000,
    "FA": 0x1F_01FF,
    "FR": 0x12_0089,
    "FW": 0x12_0116,
    "FX": 0x12_00A0,
}
_OWNER: Final = re.compile(r"O:(S-[-0-9]+|[A-Z]{2})")
_ENTRY: Final = re.compile(r"\((\w+);(\w*);(\w*);[^;)]*;[^;)]*;([^;)]*)")
"""Kind, flags, rights, (two ids of objects), whom."""


class Access(NamedTuple):
    """What a descriptor says."""

    owner: str | None
    granted: dict[str, int]
    """Whom -> bits, as written: refusals are not subtracted, so rather too much is said than too little."""


def parse(sddl: str) -> Access:
    """The owner, and what the access list grants on the object itself; without a list everybody may everything."""
    owner = _OWNER.match(sddl)
    _, found, entries = sddl.partition("D:")
    entries = entries.partition("S:")[0] if "S:(" in entries else entries
    granted: dict[str, int] = {}
    if not found or entries.startswith("NO_ACCESS_CONTROL"):
        granted["WD"] = _RIGHTS["GA"]
    for kind, flags, rights, whom in _ENTRY.findall(entries):
        if kind in ("A", "XA", "OA") and "IO" not in re.findall("..", flags):  # IO: counts for what is made inside
            granted[whom] = granted.get(whom, 0) | _bits(rights)
    return Access(owner[1] if owner else None, granted)


def _bits(rights: str) -> int:
    if rights[:1].isdigit():
        return int(rights, 0)
    bits = 0
    for right in re.findall("..", rights):
        bits |= _RIGHTS.get(right, 0)
    return bits


def strangers(access: Access, user: str, bits: int) -> list[str]:
    """Whom, besides the user and those whom nobody keeps out, the list grants any of the bits, or who owns it.

    Args:
        user: the user as the same text form writes it: an alias, where there is one.
    """
    fine = TRUSTED | {user}
    found = [whom for whom, granted in access.granted.items() if granted & bits]
    if access.owner is not None:
        found.append(access.owner)
    return [
        _NAMES.get(whom, whom) for whom in dict.fromkeys(found) if whom not in fine and not _APPLICATION.fullmatch(whom)
    ]
