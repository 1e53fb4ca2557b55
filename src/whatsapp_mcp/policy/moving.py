"""What the policy remembers of an account, its audit and the tokens that open it, copied to another place."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from whatsapp_mcp.policy.audit import lines_at
from whatsapp_mcp.policy.audit_file import closed_files
from whatsapp_mcp.policy.book import KeptBook, book_at
from whatsapp_mcp.row_digest import RowDigest, check_same, common_row
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts

_BOOK: Final = {
    "used": ("call, kind, at, amount, caller", "at"),
    "asked": ("code, digest, rule, text, can_be_always, caller, at, since, lasts, answer", "rowid"),
    "standing": ("number, rule, chat, caller, at", "number"),
}
"""Columns of each table, and what the rows are read by: the one behind says which was asked last."""
_LINES: Final = 2_000


def copy_book(source: Whereabouts, target: Whereabouts) -> None:
    """To where there is none. What was copied is read again and compared. Raises StoreError."""
    origin, copy = book_at(source), book_at(target)
    try:
        rows = _all_of(origin)
        if not any(rows.values()):
            return
        with copy.writing() as writing:
            for name, (columns, _) in _BOOK.items():
                marks = ", ".join("?" * (columns.count(",") + 1))
                ours = " OVERRIDING SYSTEM VALUE" if name == "standing" and isinstance(target, PostgresSchema) else ""
                for row in rows[name]:
                    writing.execute(f"INSERT INTO {name} ({columns}){ours} VALUES ({marks})", row)
            if isinstance(target, PostgresSchema) and rows["standing"]:
                writing.execute(
                    "SELECT setval(pg_get_serial_sequence('standing', 'number'), max(number)) FROM standing"
                )
        found = _all_of(copy)
        for name in _BOOK:
            there, here = RowDigest(), RowDigest()
            there.add(rows[name])
            here.add(found[name])
            check_same(f"the policy's book ({name})", there, here)
    finally:
        origin.close()
        copy.close()


def _all_of(book: KeptBook) -> dict[str, list[tuple[Any, ...]]]:
    with book.reading() as connection:
        if connection is None:
            return {name: [] for name in _BOOK}
        return {
            name: [common_row(row) for row in connection.execute(f"SELECT {columns} FROM {name} ORDER BY {order}")]
            for name, (columns, order) in _BOOK.items()
        }


def copy_audit(source: Whereabouts, target: Whereabouts) -> int:
    """To where there is none: all lines, the oldest first.

    Returns:
        How many.

    Raises:
        StoreError: one of them cannot be used, or the copy is not what it should be.
        OSError: it cannot be written.
    """
    lines, there = lines_in(source), RowDigest()
    copy = lines_at(target)
    try:
        while some := list(islice(lines, _LINES)):
            copy.append(b"".join(some))
            there.add((line,) for line in some)
    finally:
        copy.close()
    here = RowDigest()
    here.add((line,) for line in lines_in(target))
    check_same("the audit", there, here)
    return there.rows


def lines_in(where: Whereabouts) -> Iterator[bytes]:
    """Whole ones, in ASCII, whatever a crash left behind."""
    if isinstance(where, PostgresSchema):
        from whatsapp_mcp.policy.audit_table import audit_lines

        yield from audit_lines(where)
        return
    for path in (*closed_files(where), where):
        if path.exists():
            with path.open("rb") as file:
                for line in file:
                    text = line.decode("ascii", "backslashreplace").strip("\r\n").replace("\0", " ")
                    if text:
                        yield f"{text}\n".encode()
