"""The audit of an account, read: all its files, the oldest first, beside servers that write."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from whatsapp_mcp.platform.files import open_shared
from whatsapp_mcp.policy.audit_file import closed_files
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts

_START: Final = b'{"time":"'
"""How every line begins. No string in a line holds this, since it would have its quotes escaped."""
_LOOK: Final = 0.2
"""Seconds between two looks for news."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line."""

    time: datetime
    fields: dict[str, object]
    """As docs/audit.md has them."""

    def text(self, name: str) -> str:
        """A field as text; empty where the line has none."""
        value = self.fields.get(name, "")
        return value if isinstance(value, str) else str(value)

    def texts(self, name: str) -> list[str]:
        """The texts of a list; none where the line has none."""
        value = self.fields.get(name)
        return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def audit_entries(where: Whereabouts, *, follow: bool = False) -> Iterator[AuditEntry]:
    """All that was written, in this order; what is no line, such as one that was cut short, is passed over.

    Args:
        where: the file that grows, or the schema of the table.
        follow: go on with what is written from now on, for ever.

    Raises:
        OSError: a file cannot be read.
        StoreError: the database cannot be read.
    """
    if isinstance(where, PostgresSchema):
        from whatsapp_mcp.policy.audit_table import audit_lines

        for line in audit_lines(where, follow=follow):
            yield from _entry(line)
    else:
        yield from _in_files(where, follow=follow)


def _in_files(path: Path, *, follow: bool) -> Iterator[AuditEntry]:
    with ExitStack() as stack:
        # Opened first: what is closed from now on is among the closed ones too, and known by its place.
        current = _opened(path)
        place = _place(current) if current is not None else None
        for closed in closed_files(path):
            file = _opened(closed)
            if file is not None:
                with file:
                    if _place(file) != place:
                        yield from _entries(file)
        if current is not None:
            stack.callback(current.close)
            if not follow:
                yield from _entries(current)
        if follow:
            yield from _followed(path, current)


def _followed(path: Path, file: BinaryIO | None) -> Iterator[AuditEntry]:
    begun = b""
    while True:
        newer = _newer(path, file)  # looked for before the last look at the old one
        if file is not None:
            file.seek(file.tell())  # the C library of Windows may remember that the file has ended
            while lines := file.readlines(1 << 20):
                lines[0] = begun + lines[0]
                begun = b"" if lines[-1].endswith(b"\n") else lines.pop()
                for line in lines:
                    yield from _entry(line)
        if newer is None:
            time.sleep(_LOOK)
            continue
        if file is not None:
            file.close()
        file, begun = newer, b""


def _newer(path: Path, file: BinaryIO | None) -> BinaryIO | None:
    """The file that has the name now, if it is another one."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if file is not None and (found.st_dev, found.st_ino) == _place(file):
        return None
    return _opened(path)


def _opened(path: Path) -> BinaryIO | None:
    try:
        return os.fdopen(open_shared(path), "rb")
    except FileNotFoundError:
        return None


def _place(file: BinaryIO) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_dev, found.st_ino


def _entries(file: BinaryIO) -> Iterator[AuditEntry]:
    for line in file:
        yield from _entry(line)


def _entry(line: bytes) -> Iterator[AuditEntry]:
    """The line that ends here; before it can stand one that was cut short when its process was killed."""
    start = line.rfind(_START)
    if start < 0:
        return
    try:
        fields = json.loads(line[start:])
        yield AuditEntry(datetime.fromisoformat(fields["time"]), fields)
    except ValueError:
        return
