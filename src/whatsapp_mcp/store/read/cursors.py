"""Cursors: where to go on in a list, as text that callers hand back unread.

A cursor names the last row that was shown by what it is sorted by, so that rows that come later shift nothing.
"""

from __future__ import annotations

import re
from typing import Final

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.store.rows import fitting

_CURSOR: Final = re.compile(r"[0-9a-f]{1,16}(-[0-9a-f]{1,16})*")


def encode_cursor(*numbers: int) -> str:
    """``numbers``: what the list is sorted by, none below 0."""
    return "-".join(f"{number:x}" for number in numbers)


def decode_cursor(text: str, count: int) -> tuple[int, ...]:
    """Its numbers.

    Raises:
        InvalidArgument: not a cursor of ``count`` numbers.
    """
    numbers = text.split("-")
    if len(numbers) != count or not _CURSOR.fullmatch(text):
        raise InvalidArgument(
            "cursor: not a next_cursor of this tool",
            field="cursor",
            next_step="Pass next_cursor of the page before, or leave it out for the first page.",
        )
    return tuple(fitting(int(number, 16)) for number in numbers)
