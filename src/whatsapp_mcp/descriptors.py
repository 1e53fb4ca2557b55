"""Keeping a protocol stream clean: the process's real stdin and stdout, out of reach of everything that prints.

Native code (neonize's Go runtime, libsignal) prints to file descriptor 1 in ordinary operation. The descriptors that
carry a protocol are therefore duplicated first thing in ``main`` and the well-known numbers point elsewhere.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.handles import lead_nowhere, private_duplicate


class Descriptors(NamedTuple):
    """Private descriptors of a protocol stream."""

    incoming: int
    outgoing: int


def claim_stdio() -> Descriptors:
    """Take the wire away from everything else in this process. Call it once, before anything is imported that prints.

    Descriptors 0 and 1 are moved to private ones; 0 then reads nothing and 1 is stderr, so that a ``print``, a C or Go
    library and child processes cannot reach the wire. What ``sys.stdout`` still holds goes to stderr too.

    Raises:
        SetupError: the process was started without stdin or stdout.
    """
    try:
        if sys.__stdin__ is None or sys.__stdout__ is None:  # Python 3.14 has opened a file of its own as 0 then
            raise OSError
        claimed = Descriptors(private_duplicate(0), private_duplicate(1))
    except OSError:
        raise SetupError(
            "stdio needs both stdin and stdout, and one of them is closed",
            next_step="Let an MCP host start this command, or use `whatsapp-mcp serve`.",
        ) from None
    lead_nowhere(0)
    try:
        os.dup2(2, 1)
    except OSError:  # started without stderr
        lead_nowhere(1)
    return claimed
