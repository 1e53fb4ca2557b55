"""Phone numbers as people write them."""

from __future__ import annotations

import re
from typing import Final

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import USER

_TRUNK_PREFIX: Final = "(0)"
"""As in ``+49 (0)151 …``: dialled inside the country only."""
SEPARATORS: Final = re.compile(r"[\s()./\u200b\u200e\u200f\u2010-\u2015\u202a-\u202e\u2060-\u2069\ufeff-]+")
"""Also the invisible marks of direction that phones put around a number that is copied."""
_NUMBER: Final = re.compile(r"[1-9]\d{4,14}")


def parse_number(text: str, field: str) -> str:
    """Digits of an international phone number given with or without ``+``, spaces, dashes, or as a JID.

    Raises:
        InvalidArgument: names the field and what is wrong.
    """
    bare = text.strip()
    for suffix in (f"@{USER}", "@c.us"):
        bare = bare.removesuffix(suffix)
    digits = SEPARATORS.sub("", bare.replace(_TRUNK_PREFIX, "")).removeprefix("+")
    if _NUMBER.fullmatch(digits) and digits.isascii():
        return digits
    if digits.isascii() and digits.isdigit() and digits.startswith("0"):
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
