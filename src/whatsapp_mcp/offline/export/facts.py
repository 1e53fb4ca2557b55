"""What a transcript tells of a message beside its text: links, times, places, sources, cards …"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from whatsapp_mcp.clock import local
from whatsapp_mcp.models.views import Message

_TOLD_ELSEWHERE: Final = frozenset(
    {
        *("type", "options", "seconds", "latitude", "longitude", "selectable_count", "belongs_to", "quoted_chat"),
        *("comment_on", "about_id", "call_id", "group_id", "newsletter_id", "event_id", "cut", "lost", "unreadable"),
        "quoted_text",
    }
)
"""In the first line of the message, or of no use to a person."""
_TIMES: Final = frozenset({"start_time", "end_time", "expires"})
"""Seconds since 1970."""
_CARD_LINE: Final = re.compile(r"^(?:item\d+\.)?(?:FN|ORG|TEL|EMAIL)\b[^:\n]*:(.+)$", re.IGNORECASE | re.MULTILINE)
_SHOWN: Final = 1_000
"""Characters of one fact."""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def facts(message: Message) -> Iterator[str]:
    """A line each, as others wrote it: not yet cleaned."""
    for key, value in message.extra.items():
        if key in _TOLD_ELSEWHERE or not value:
            continue
        label = key.replace("_", " ")
        if key == "vcards":
            yield from (f"card: {' | '.join(_CARD_LINE.findall(str(card)))[:_SHOWN]}" for card in _items(value))
        elif key in _TIMES and isinstance(value, int):
            yield f"{label}: {_moment(value)}"
        elif value is True:
            yield label
        else:
            yield f"{label}: {' | '.join(_texts(value))[:_SHOWN]}"


def _items(value: object) -> list[object]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


def _moment(seconds: int) -> str:
    try:
        return f"{local(_EPOCH + timedelta(seconds=seconds)):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return str(seconds)
