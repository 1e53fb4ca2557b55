"""Whether two tables hold the same rows, in whatever order: each row as both engines have it, and a digest of all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from whatsapp_mcp.errors import StoreError

_ROOM: Final = 1 << 256


def common_row(row: Iterable[Any]) -> tuple[Any, ...]:
    """As both SQLite and PostgreSQL hold it: flags are numbers, and no text has U+0000."""
    return tuple(map(_common, row))


def _common(value: Any) -> Any:
    match value:
        case str():
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        case bool():
            return int(value)
        case bytearray() | memoryview():
            return bytes(value)
        case UUID():
            return str(value)
    return value


@dataclass(slots=True)
class RowDigest:
    """Of rows that ``common_row`` made."""

    rows: int = 0
    total: int = 0

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        for row in rows:
            self.rows += 1
            found = sha256(repr(tuple(row)).encode("utf-8", "surrogatepass")).digest()
            self.total = (self.total + int.from_bytes(found)) % _ROOM


def check_same(what: str, there: RowDigest, here: RowDigest) -> None:
    """Raises StoreError: what was copied is not what was to be."""
    if there != here:
        raise StoreError(
            f"the copy of {what} has {here.rows} rows and not the {there.rows} that it should have, or other ones",
            next_step="Nothing was changed: the account is where it was. Run the command again.",
        )
