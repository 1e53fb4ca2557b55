"""Phone numbers as people write them."""

from __future__ import annotations

import re
from typing import Final
from unicodedata import decimal

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import USER

_TRUNK_PREFIX: Final = "(0)"
"""As in ``+49 (0)151 …``: dialled inside the country only."""
_LINK: Final = re.compile(
    r"(?:tel:|(?:https?://)?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=)|whatsapp://send/?\?phone=)([^?&#;]*)(?:[?&#;].*)?",
    re.IGNORECASE | re.DOTALL,
)
"""A link to somebody's number, and what else stands in it."""
SEPARATORS: Final = re.compile(r"[\s()./\u200b\u200e\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069\ufeff-]+")
"""Also the invisible marks of direction that phones put around a number that is copied."""
_NUMBER: Final = re.compile(r"[1-9]\d{4,14}", re.ASCII)
_ABROAD: Final = "00"
"""What most of the world dials before a country code."""


def digits_in(text: str) -> str | None:
    """Those of a text that is a number, right or wrong, in digits of any script; None where it is something else."""
    link = _LINK.fullmatch(text.strip())
    bare = (link[1] if link else text).strip()
    for suffix in (f"@{USER}", "@c.us"):
        bare = bare.removesuffix(suffix)
    digits = SEPARATORS.sub("", bare.replace(_TRUNK_PREFIX, "")).removeprefix("+")
    return "".join(str(decimal(digit)) for digit in digits) if digits.isdecimal() else None


def parse_number(text: str, field: str) -> str:
    """Digits of an international phone number, given with or without ``+``, ``00``, spaces, dashes, as a JID or a link.

    Raises:
        InvalidArgument: names the field and what is wrong.
    """
    digits = (digits_in(text) or "").removeprefix(_ABROAD)
    if _NUMBER.fullmatch(digits):
        return digits
    if digits.startswith("0"):
        raise InvalidArgument(
            f"{field}: a number starts with its country code, not with 0",
            field=field,
            next_step="Write the number in international format, for example 4915112345678.",
        )
    raise InvalidArgument(
        f"{field}: not a phone number (5 to 15 digits with country code)",
        field=field,
        next_step="Write the number in international format, for example +49 151 12345678.",
    )
