"""What standard output and standard error can show."""

from __future__ import annotations

import io
import sys

assert sys.platform != "win32"


def never_fail_on_text() -> None:
    """Let standard output and error show ``?`` for what the terminal's encoding does not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
