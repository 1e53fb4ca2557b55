"""Why a file that is there is not opened."""

from __future__ import annotations


class ClosedPlace(OSError):
    """The way to it leads out of the folder, through one that is closed, or into a file system of the kernel."""


class SecondName(OSError):
    """The file has other names.

    Somebody who may write into the outbox, but not read what the user of this server can, could give a second name to a
    file of that user (keys, the session database) and have it sent: no path shows where such a name leads. Linux
    refuses to make such links by default (protected_hardlinks), macOS, Windows and containers do not. A copy costs
    little.
    """
