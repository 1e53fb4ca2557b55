"""``data:`` URIs (RFC 2397): media that travels inside the argument itself."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from whatsapp_mcp.errors import InvalidArgument

_STEP: Final = 4 * 256 * 1024
"""Characters decoded at a time; a multiple of four."""


def write_data_uri(uri: str, target: Path, *, field: str, limit: int) -> str:
    """Decode into a new file; gives the name parameter (``;name=…``) or "". The declared type is not trusted.

    Raises:
        InvalidArgument: it is malformed, empty, or larger than ``limit`` bytes.
    """
    name, encoded, body = _parts(uri, field)
    if len(body) > 3 * limit + 1024:  # percent-encoding takes at most three characters for a byte
        raise _too_large(field, limit)
    written = 0
    with target.open("xb") as file:
        for data in _base64_pieces(body, field) if encoded else _percent_pieces(body):
            written += len(data)
            if written > limit:
                raise _too_large(field, limit)
            file.write(data)
    if not written:
        raise InvalidArgument(f"{field}: the data: URI is empty.", field=field)
    return name


def beginning_of(uri: str, *, field: str, size: int) -> tuple[str, bytes]:
    """The name parameter, and at most ``size`` of the first bytes. Raises InvalidArgument: it is malformed."""
    name, encoded, body = _parts(uri, field)
    pieces = _base64_pieces(body, field) if encoded else _percent_pieces(body)
    return name, next(pieces, b"")[:size]


def _parts(uri: str, field: str) -> tuple[str, bool, str]:
    """The name parameter or "", whether it is base64, and the encoded data."""
    head, comma, body = uri.partition(",")
    if not comma:
        raise InvalidArgument(f"{field}: a data: URI needs a comma before its data.", field=field)
    parameters = [part.strip() for part in head.split(":", 1)[1].split(";")]
    encoded = "base64" in (part.lower() for part in parameters)
    name = next((unquote(part[5:]) for part in parameters if part.lower().startswith("name=")), "")
    return name, encoded, body


def _base64_pieces(body: str, field: str) -> Iterator[bytes]:
    if "%" in body:
        body = unquote(body)
    if re.search(r"\s", body):
        body = "".join(body.split())
    body = body.rstrip("=")
    if len(body) % 4 == 1:
        raise _malformed(field)
    body += "=" * (-len(body) % 4)
    for start in range(0, len(body), _STEP):
        try:
            yield base64.b64decode(body[start : start + _STEP].translate(_STANDARD), validate=True)
        except (binascii.Error, ValueError):
            raise _malformed(field) from None


_STANDARD: Final = str.maketrans("-_", "+/")
"""The URL-safe alphabet is taken too."""


def _percent_pieces(body: str) -> Iterator[bytes]:
    yield unquote_to_bytes(body)


def _malformed(field: str) -> InvalidArgument:
    return InvalidArgument(
        f"{field}: the data: URI is not valid base64.", field=field, next_step="Encode the bytes as standard base64."
    )


def _too_large(field: str, limit: int) -> InvalidArgument:
    return InvalidArgument(
        f"{field}: larger than {limit // (1024 * 1024)} MiB, the limit for this kind.",
        field=field,
        next_step="Pass a smaller one.",
    )
