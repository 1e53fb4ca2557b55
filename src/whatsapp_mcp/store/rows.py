"""How a message lies in its row: its place in time, its columns, and back.

A message has two numbers. ``arrival`` is the key of its row and ascends in order of storing, so that history, which
comes chat by chat, is written to the end of the file. ``place`` ascends with the time of the message; the search index
is keyed by it, so that the newest hits come first without sorting. The arrival is part of the place: neither needs an
index to find the other. A hidden message (``visibility``) has its place with a minus sign: it lies outside every range
of places that a list reads or counts, whatever index serves it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.delivery import DeliveryStatus
from whatsapp_mcp.untrusted_text import encodable

ARRIVAL_BITS: Final = 30
"""Room for a billion messages, and for 33 bits of seconds beside it."""
ARRIVAL_MASK: Final = (1 << ARRIVAL_BITS) - 1
LATEST: Final = (1 << 33) * 1000 - 1
"""The last millisecond that has a place, in the year 2242."""

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


def clamp(milliseconds: int) -> int:
    """A time that has a place, whatever came over the wire."""
    return milliseconds if 0 <= milliseconds <= LATEST else min(max(milliseconds, 0), LATEST)


def place_of(milliseconds: int, arrival: int) -> int:
    """Second, then arrival: WhatsApp knows most times to the second only."""
    return place_floor(milliseconds) | arrival


def place_floor(milliseconds: int) -> int:
    """The lowest place in that second."""
    return clamp(milliseconds) // 1000 << ARRIVAL_BITS


def place_ceiling(milliseconds: int) -> int:
    """The highest place in that second."""
    return place_floor(milliseconds) | ARRIVAL_MASK


def fitting(number: int) -> int:
    """A number that SQLite can hold: WhatsApp's are up to 64 bits without sign."""
    return number if -(1 << 63) <= number < 1 << 63 else min(max(number, -(1 << 63)), (1 << 63) - 1)


def dump_jid(jid: Jid | None) -> str | None:
    """The JID as text; None when it could not be read back, for who writes a message can name anything."""
    text = encodable(str(jid)) if jid is not None else ""
    try:
        return text if Jid.parse(text) == jid else None
    except ValueError:
        return None


@lru_cache(16384)
def stored_jid(text: str) -> Jid:
    """``Jid.parse`` for what the store holds, where the same few come again and again. Older versions took in
    addresses that are none."""
    try:
        return Jid.parse(text)
    except ValueError:
        user, _, server = text.rpartition("@")
        return Jid(user, server)


def dump_mentions(mentions: Sequence[Jid]) -> str | None:
    return " ".join(text for jid in mentions if (text := dump_jid(jid))) or None


def dump_extra(extra: Mapping[str, object]) -> str | None:
    """JSON; what JSON does not know is stored as its text."""
    return encodable(json.dumps(extra, ensure_ascii=False, separators=(",", ":"), default=str)) if extra else None


def load_extra(stored: str | None) -> dict[str, object]:
    """Exactly what was dumped, for the search index; empty where it cannot be read."""
    try:
        extra = json.loads(stored) if stored else {}
    except (ValueError, RecursionError):
        return {}
    return extra if isinstance(extra, dict) else {}
