"""What standard output and standard error can show."""

from __future__ import annotations

import io
import sys

assert sys.platform == "win32"


def never_fail_on_text() -> None:
    """Write UTF-8 to standard output and error. A console shows all of Unicode whatever its code page; a pipe or a file
    would get the code page of the system (cp1252, cp437), which has neither arrows nor the blocks of a QR code.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
