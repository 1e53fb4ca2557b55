"""What is shown in place of a row that cannot be shown."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")
V = TypeVar("V")

LINE_LENGTH: Final = 300
"""Characters of a message that is shown in few words."""

_NOT_SHOWN: Final = "This row could not be shown; the log of the server says why."
_KNOWN: Final = {
    "id": "message_id",
    "chat": "chat_jid",
    "jid": "jid",
    "name": "name",
    "kind": "kind",
    "timestamp": "timestamp",
}
"""What may be known of a view that cannot be shown -> the field of its row."""


def shown(view: V, write: Callable[[V], T], write_remains: Callable[[dict[str, Any]], T]) -> T:
    """``write(view)``; when that fails, ``write_remains`` of a row that says so and what is known. The one guard that
    keeps a page from failing for one of its rows."""
    try:
        return write(view)
    except Exception as error:
        logger.warning("a row cannot be shown (%s): %.300r", type(view).__name__, error)
        return write_remains(remains(view))


def remains(view: object) -> dict[str, Any]:
    """The row of a view, or of what stands for one, that cannot be shown: what is known of it."""
    row: dict[str, Any] = {}
    for attribute, name in _KNOWN.items():
        value = view.get(name) if isinstance(view, dict) else getattr(view, attribute, None)
        with contextlib.suppress(Exception):
            row[name] = value if isinstance(value, datetime) else str(value or "")[:LINE_LENGTH] or None
    return row | {"details": {"note": _NOT_SHOWN}}
