"""How a message lies in its row: the row number, the columns, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models import Content, DeliveryStatus, MediaInfo, MessageKind, Quote

__all__ = [
    "MEDIA_COLUMNS",
    "RANK",
    "STATUS",
    "clamp",
    "clean",
    "dump_extra",
    "dump_mentions",
    "load_extra",
    "load_mentions",
    "read_content",
    "row_ceiling",
    "row_floor",
]

SLOT_BITS: Final = 20
LATEST: Final = 253_402_300_799_000
"""The last millisecond that a datetime can hold (year 9999), less than one second short."""

STATUS: Final = (
    DeliveryStatus.PENDING,
    DeliveryStatus.FAILED,
    DeliveryStatus.SENT,
    DeliveryStatus.DELIVERED,
    DeliveryStatus.READ,
    DeliveryStatus.PLAYED,
)
"""By rank: a status never gives way to one before it. A send under way may fail; what was sent cannot any more."""
RANK: Final[Mapping[DeliveryStatus, int]] = {status: rank for rank, status in enumerate(STATUS)}

MEDIA_COLUMNS: Final = (
    "mimetype",
    "file_name",
    "file_length",
    "seconds",
    "width",
    "height",
    "url",
    "direct_path",
    "media_key",
    "file_sha256",
    "file_enc_sha256",
)
"""Of ``media``, named and ordered as in MediaInfo."""


def clamp(milliseconds: int) -> int:
    """A time that a datetime can hold, whatever came over the wire."""
    return min(max(milliseconds, 0), LATEST)


def row_floor(milliseconds: int) -> int:
    """The lowest row number of that second."""
    return clamp(milliseconds) // 1000 << SLOT_BITS


def row_ceiling(milliseconds: int) -> int:
    """The highest row number of that second."""
    return row_floor(milliseconds) | ((1 << SLOT_BITS) - 1)


def clean(text: str) -> str:
    """Text that can be stored: half surrogate pairs, which no encoding has, become replacement characters."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def dump_mentions(mentions: Sequence[Jid]) -> str | None:
    return clean(" ".join(map(str, mentions))) if mentions else None


def load_mentions(stored: str | None) -> tuple[Jid, ...]:
    return tuple(Jid.parse(jid) for jid in stored.split()) if stored else ()


def dump_extra(extra: Mapping[str, object]) -> str | None:
    """JSON; what JSON does not know is stored as its text."""
    return clean(json.dumps(extra, ensure_ascii=False, separators=(",", ":"), default=str)) if extra else None


def load_extra(stored: str | None) -> dict[str, object]:
    return json.loads(stored) if stored else {}


def read_content(row: Mapping[str, Any]) -> Content:
    """The content in a row of ``messages`` joined with ``media``."""
    media = None
    if row["mimetype"] is not None:
        media = MediaInfo(**{column: row[column] for column in MEDIA_COLUMNS})
    quote = None
    if row["reply_to_id"] is not None:
        author = row["reply_to_sender"]
        quote = Quote(row["reply_to_id"], Jid.parse(author) if author else None, row["reply_to_text"] or "")
    return Content(
        kind=MessageKind(row["kind"]),
        text=row["text"],
        media=media,
        quote=quote,
        mentions=load_mentions(row["mentions"]),
        forwarded=bool(row["forwarded"]),
        expiration=row["expiration"],
        view_once=bool(row["view_once"]),
        extra=load_extra(row["extra"]),
    )
