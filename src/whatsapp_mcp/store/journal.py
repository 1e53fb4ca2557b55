"""What came from WhatsApp and is not in the store yet, in a file that outlives the process.

What was handed to neonize, WhatsApp never repeats, or in a form that cannot be decrypted twice. So each event is
written here, without waiting for the disk, before anything else is done with it: whatever ends the process (kill -9, a
crash of the Go library, a store that cannot be written), the next one stores what is here first. Only the end of the
whole machine can take the last moments with it.

The file begins with the number of its first entries that the store holds; each entry carries a checksum, so that one
that was cut off is known, and says of itself if it was stored before an earlier one. Its room is taken in advance, so
that it can still be written when the disk is full. When it has grown and the most of it is stored, it becomes ``…-old``
and a new one is begun, with what is not stored: what came last stays known. The new one is complete, as ``…-new``,
before the other one is moved, so that whatever happens in between there is one that has all.

It may be far larger than what should be in memory, when a history comes faster than it is stored: no more than one
entry of it is read at a time.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import takewhile
from operator import attrgetter
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from whatsapp_mcp.platform.files import remove, replace, reserve, write_at
from whatsapp_mcp.platform.ownership import open_private_file

logger = logging.getLogger(__name__)

SIZE: Final = 512 * 1024
"""Bytes taken in advance, and from which on a new file is begun."""
OLD: Final = "-old"
NEW: Final = "-new"
"""What stands behind the names of the two files beside it."""
_HEADER: Final = struct.Struct("<8sQ")
_MAGIC: Final = b"WAMCPj1\n"
_ENTRY: Final = struct.Struct("<III")
"""Length of the payload, checksum of code and payload, code."""
_CODE: Final = struct.Struct("<I")
_IS_STORED: Final = 1 << 31
"""In the code of an entry that was stored before an earlier one."""
_AT_ONCE: Final = 1 << 20
"""Bytes of a file that are copied at a time."""


class JournalEntry(NamedTuple):
    """An event: its number and its serialized protobuf."""

    code: int
    payload: bytes


class EventJournal(Protocol):
    """What came and is not in the store yet, in a file (``Journal``) or a table. May be used from any thread."""

    last_written: int | None
    """When the process before this one last wrote here, in milliseconds since 1970; None when there was none."""

    def append(self, code: int, payload: bytes) -> int | None:
        """Note an event. Its number, by which the others know it; None when that was not possible. Never raises."""

    def waiting(self) -> list[tuple[int, int]]:
        """Number and code of what is not in the store, oldest first."""

    def waits(self, number: int) -> bool:
        """Whether it is not in the store; not so of what was forgotten."""

    def read(self, number: int) -> bytes | None:
        """The payload of what waits; None when it does not, or cannot be read now."""

    def stored(self, numbers: Iterable[int]) -> None:
        """They are in the store now."""

    def recent(self) -> Iterator[JournalEntry]:
        """Everything that is still here, what is stored first, each oldest first. Not while it is written."""

    def clear(self) -> None:
        """Forget everything: it belongs to another account."""

    def close(self) -> None: ...


class Journal:
    """In a file. May be used from any thread."""

    def __init__(self, path: Path) -> None:
        """Open or create the file (0600). A journal that cannot be used is reported in the log, and does without."""
        self._path = path
        self._old, self._new = (path.with_name(path.name + part) for part in (OLD, NEW))
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._complained = False
        self._count = 0
        """Entries in the file."""
        self._waiting: dict[int, _Waiting] = {}
        """What is not stored, by its number, in the order of the file."""
        self._ahead: set[int] = set()
        """Those behind the first of them that are stored."""
        self._moved = 0
        """A number less this is the place in the file where the entry begins."""
        self._end = _HEADER.size
        """Where the next one goes."""
        self.last_written: int | None = None
        """When the process before this one last wrote here, in milliseconds since 1970; None when there was none."""
        with suppress(OSError):
            self.last_written = path.stat().st_mtime_ns // 1_000_000
        try:
            self._open()
        except OSError as error:
            self._complain(error)

    def append(self, code: int, payload: bytes) -> int | None:
        record = _ENTRY.pack(len(payload), _checksum(code, payload), code) + payload
        with self._lock:
            if self._descriptor is None:
                return None
            try:
                write_at(self._descriptor, record, self._end)
            except OSError as error:
                self._complain(error)
                return None
            number = self._end + self._moved
            self._waiting[number] = _Waiting(code, len(payload))
            self._count += 1
            self._end += len(record)
            return number

    def waiting(self) -> list[tuple[int, int]]:
        with self._lock:
            return [(number, one.code) for number, one in self._waiting.items()]

    def waits(self, number: int) -> bool:
        with self._lock:
            return number in self._waiting

    def read(self, number: int) -> bytes | None:
        with self._lock, suppress(OSError, KeyError), self._path.open("rb") as file:
            size = self._waiting[number].size
            file.seek(number - self._moved + _ENTRY.size)
            payload = file.read(size)
            return payload if len(payload) == size else None
        return None

    def stored(self, numbers: Iterable[int]) -> None:
        with self._lock:
            done = {number: self._waiting.pop(number) for number in numbers if number in self._waiting}
            if self._descriptor is None or not done:
                return
            start = self._start
            ahead = [number for number in done if number - self._moved > start]
            self._ahead.update(ahead)
            if len(ahead) < len(done):
                self._ahead = {number for number in self._ahead if number - self._moved > start}
            try:
                for number in ahead:
                    mark = _CODE.pack(done[number].code | _IS_STORED)
                    write_at(self._descriptor, mark, number - self._moved + _ENTRY.size - _CODE.size)
                write_at(self._descriptor, _HEADER.pack(_MAGIC, self._before), 0)
                if self._end >= SIZE and self._end - start <= start:
                    self._begin_anew(start)
            except OSError as error:
                self._complain(error)

    @property
    def _start(self) -> int:
        """Where the first entry begins that is not stored."""
        first = next(iter(self._waiting), None)
        return self._end if first is None else first - self._moved

    @property
    def _before(self) -> int:
        """How many entries are before it."""
        return self._count - len(self._waiting) - len(self._ahead)

    def recent(self) -> Iterator[JournalEntry]:
        yield from (one.entry for one in takewhile(attrgetter("is_stored"), _read(self._old)))
        for is_stored in (True, False):
            yield from (one.entry for one in _read(self._path) if one.is_stored is is_stored)

    def clear(self) -> None:
        with self._lock:
            self._close()
            self._moved += self._end  # no number is given twice
            with suppress(OSError):
                for path in (self._old, self._new, self._path):
                    remove(path)
            try:
                self._open()
            except OSError as error:
                self._complain(error)

    def close(self) -> None:
        with self._lock:
            self._close()

    def _open(self) -> None:
        if self._new.exists():  # a process ended while it began a new one
            if self._path.exists():
                remove(self._new)
            else:
                replace(self._new, self._path)
        self._count, self._end = 0, _HEADER.size
        self._waiting, self._ahead = {}, set()
        for one in _read(self._path):
            number = one.place + self._moved
            if not one.is_stored:
                self._waiting[number] = _Waiting(one.entry.code, len(one.entry.payload))
            elif self._waiting:
                self._ahead.add(number)
            self._count += 1
            self._end = one.place + _ENTRY.size + len(one.entry.payload)
        self._descriptor = self._prepared(self._path, self._before)

    def _begin_anew(self, start: int) -> None:
        """With what is not stored, which begins at ``start``."""
        remove(self._new)
        descriptor = self._prepared(self._new, 0)
        try:
            with self._path.open("rb") as file:
                for place in range(start, self._end, _AT_ONCE):
                    file.seek(place)
                    write_at(descriptor, file.read(min(_AT_ONCE, self._end - place)), place - start + _HEADER.size)
        finally:
            os.close(descriptor)
        self._close()
        try:
            replace(self._path, self._old)
            self._moved += start - _HEADER.size
            replace(self._new, self._path)
        finally:
            self._open()

    @staticmethod
    def _prepared(path: Path, stored: int) -> int:
        descriptor = open_private_file(path)
        try:
            write_at(descriptor, _HEADER.pack(_MAGIC, stored), 0)
            reserve(descriptor, SIZE)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            logger.error("the journal %s cannot be written: %s", self._path, error.strerror)


def _checksum(code: int, payload: bytes) -> int:
    return zlib.crc32(payload, code + 1)  # never 0 for an empty entry, of which the rest of the file consists


class _Waiting(NamedTuple):
    code: int
    size: int
    """Bytes of the payload."""


class _Found(NamedTuple):
    place: int
    """Where in the file it begins."""
    entry: JournalEntry
    is_stored: bool


def _read(path: Path) -> Iterator[_Found]:
    """The entries of a file, one at a time; none of what is no journal."""
    with suppress(OSError), path.open("rb") as file:
        left = os.fstat(file.fileno()).st_size - _HEADER.size
        magic, stored = _HEADER.unpack(file.read(_HEADER.size)) if left >= 0 else (b"", 0)
        place = _HEADER.size
        while magic == _MAGIC and left >= _ENTRY.size:
            length, checksum, code = _ENTRY.unpack(file.read(_ENTRY.size))
            left -= _ENTRY.size + length
            payload = file.read(length) if left >= 0 else b""
            if left < 0 or checksum != _checksum(code & ~_IS_STORED, payload):
                return
            stored -= 1
            yield _Found(place, JournalEntry(code & ~_IS_STORED, payload), stored >= 0 or code >= _IS_STORED)
            place += _ENTRY.size + length
