"""What is stored beside a message's text, as it can be shown.

Whatever an older version took in stays in the store: numbers that are none, lists without end, text that is no JSON.
Here it becomes values that every client can read, of a size that is read in a moment; and a row from which nothing can
be made at all costs only itself.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from math import isfinite
from typing import Final, TypeVar, cast

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import MENTIONED
from whatsapp_mcp.store.database import Row
from whatsapp_mcp.store.rows import stored_jid

logger = logging.getLogger(__name__)

R = TypeVar("R")
V = TypeVar("V")

TEXT_LIMIT: Final = 65_536
"""Characters of one text that are read; WhatsApp's own clients send no longer ones."""
LIST_LIMIT: Final = 1_024
"""Entries of one list that are read."""
EXTRA_LIMIT: Final = 1 << 20
"""Characters of the facts of one message that are taken apart."""
FACTS_LIMIT: Final = 1 << 21
"""Characters of the facts of all messages of one page that are taken apart: it takes a twentieth of a second."""
DEPTH_LIMIT: Final = 20
DIGITS_LIMIT: Final = 20
NOT_READABLE: Final = "The facts of this message cannot be read as they are stored."
TOO_MUCH: Final = "There is more to this message; read fewer messages at once."
NOT_SHOWN: Final = "This row could not be shown; the log of the server says why."


def by_name(rows: Sequence[Row]) -> Sequence[Row]:
    """The same rows, of one query, quick to read: one of SQLite's own looks through all names for each that it is asked
    for."""
    if not rows:
        return rows
    names = rows[0].keys()
    return [cast(Row, dict(zip(names, row, strict=True))) for row in rows]


def each(rows: Sequence[R], make: Callable[[R], V], remains: Callable[[R], V]) -> tuple[V, ...]:
    """``make`` of each row; where that fails, ``remains`` of it."""
    made = []
    for row in rows:
        try:
            made.append(make(row))
        except Exception as error:
            logger.warning("a stored row cannot be shown: %.300r", error)
            made.append(remains(row))
    return tuple(made)


def extra_of(stored: str | None) -> dict[str, object]:
    """The facts of a message. What cannot be read is a note that says so."""
    if not stored:
        return {}
    extra = _decoded(stored) if len(stored) <= EXTRA_LIMIT else None
    if not isinstance(extra, dict):
        return {"note": NOT_READABLE}
    extra.pop(MENTIONED, None)  # the names stand in the text
    return extra


def extras_of(stored: Iterable[str | None], limit: int = FACTS_LIMIT) -> list[dict[str, object]]:
    """Those of a page. After ``limit`` characters together, the others only say that there are more."""
    found: list[dict[str, object]] = []
    for text in stored:
        length = len(text or "")
        found.append(extra_of(text) if length <= limit else {"note": TOO_MUCH})
        limit -= min(length, limit)
    return found


def texts_of(stored: str) -> tuple[str, ...]:
    """A list of texts, as JSON; empty where it is none."""
    texts = _decoded(stored)
    return tuple(text for text in texts if isinstance(text, str)) if isinstance(texts, list) else ()


def mentions_of(stored: str | None) -> tuple[Jid, ...]:
    return tuple(stored_jid(jid) for jid in stored.split(maxsplit=LIST_LIMIT)[:LIST_LIMIT]) if stored else ()


def _decoded(stored: str) -> object:
    try:
        return _bounded(_DECODER.decode(stored), DEPTH_LIMIT)
    except (ValueError, RecursionError):
        return None


def _bounded(value: object, depth: int) -> object:
    """Without what is longer or deeper than anybody shows."""
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    if isinstance(value, list):
        return [_bounded(item, depth - 1) for item in value[:LIST_LIMIT]] if depth else None
    if isinstance(value, dict):
        named = islice(value.items(), LIST_LIMIT)
        return {name[:TEXT_LIMIT]: _bounded(item, depth - 1) for name, item in named} if depth else None
    return value


def _number(text: str) -> int | str:
    return int(text) if len(text) < DIGITS_LIMIT else text[:DIGITS_LIMIT]


def _finite(text: str) -> float | None:
    number = float(text)
    return number if isfinite(number) else None


_DECODER: Final = json.JSONDecoder(parse_constant=lambda _: None, parse_int=_number, parse_float=_finite)
"""For JSON as others can read it: without NaN, infinity and numbers that do not fit anywhere."""
