"""What came from WhatsApp and is not in the store yet, in a file that outlives the process.

What was handed to neonize, WhatsApp never repeats, or in a form that cannot be decrypted twice. So each event is
written here, without waiting for the disk, before anything else is done with it: whatever ends the process (kill -9, a
crash of the Go library, a store that cannot be written), the next one stores what is here first. Only the end of the
whole machine can take the last moments with it.

The file begins with the number of its entries that the store holds; each entry carries a checksum, so that one that was
cut off is known. Its room is taken in advance, so that it can still be written when the disk is full. When it has
grown and the most of it is stored, it becomes ``…-old`` and a new one is begun, with what is not stored: what came last
stays known. The new one is complete, as ``…-new``, before the other one is moved, so that whatever happens in between
there is one that has all.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
import zlib
from collections import deque
from contextlib import suppress
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


class JournalEntry(NamedTuple):
    """An event: its number and its serialized protobuf."""

    code: int
    payload: bytes


class EventJournal(Protocol):
    """What came and is not in the store yet, in a file (``Journal``) or a table. May be used from any thread."""

    last_written: int | None
    """When the process before this one last wrote here, in milliseconds since 1970; None when there was none."""

    def append(self, code: int, payload: bytes) -> bool: ...
    def stored(self, count: int) -> None: ...
    def pending(self) -> list[JournalEntry]: ...
    def recent(self) -> list[JournalEntry]: ...
    def clear(self) -> None: ...
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
        self._stored = 0
        self._waiting: deque[int] = deque()
        """Bytes of each entry that is not stored."""
        self._start = self._end = _HEADER.size
        """Where the first of them begins, and where the next one goes."""
        self.last_written: int | None = None
        """When the process before this one last wrote here, in milliseconds since 1970; None when there was none."""
        with suppress(OSError):
            self.last_written = path.stat().st_mtime_ns // 1_000_000
        try:
            self._open()
        except OSError as error:
            self._complain(error)

    def append(self, code: int, payload: bytes) -> bool:
        """Note an event; False when that was not possible. Never raises."""
        record = _ENTRY.pack(len(payload), _checksum(code, payload), code) + payload
        with self._lock:
            if self._descriptor is None:
                return False
            try:
                write_at(self._descriptor, record, self._end)
            except OSError as error:
                self._complain(error)
                return False
            self._end += len(record)
            self._waiting.append(len(record))
            return True

    def stored(self, count: int) -> None:
        """The next ``count`` entries are in the store now."""
        with self._lock:
            if self._descriptor is None or not count:
                return
            for _ in range(min(count, len(self._waiting))):
                self._start += self._waiting.popleft()
                self._stored += 1
            try:
                write_at(self._descriptor, _HEADER.pack(_MAGIC, self._stored), 0)
                if self._end >= SIZE and self._end - self._start <= self._start:
                    self._begin_anew()
            except OSError as error:
                self._complain(error)

    def pending(self) -> list[JournalEntry]:
        """What is not in the store, oldest first."""
        with self._lock:
            return _read(self._path).waiting

    def recent(self) -> list[JournalEntry]:
        """Everything that is still here, stored or not, oldest first."""
        with self._lock:
            before = _read(self._old)
            return before.entries[: before.stored] + _read(self._path).entries

    def clear(self) -> None:
        """Forget everything: it belongs to another account."""
        with self._lock:
            self._close()
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
        found = _read(self._path)
        self._stored, self._start, self._end = found.stored, found.start, found.end
        self._waiting = deque(_ENTRY.size + len(entry.payload) for entry in found.waiting)
        self._descriptor = self._prepared(self._path, self._stored)

    def _begin_anew(self) -> None:
        rest = self._path.read_bytes()[self._start : self._end]
        remove(self._new)
        descriptor = self._prepared(self._new, 0)
        try:
            write_at(descriptor, rest, _HEADER.size)
        finally:
            os.close(descriptor)
        self._close()
        try:
            replace(self._path, self._old)
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


class _Found(NamedTuple):
    entries: list[JournalEntry]
    stored: int
    """How many of them the store holds, the first ones."""
    start: int
    """Where the first one begins that it does not."""
    end: int
    """Where the next one goes."""

    @property
    def waiting(self) -> list[JournalEntry]:
        return self.entries[self.stored :]


def _read(path: Path) -> _Found:
    try:
        data = path.read_bytes()
    except OSError:
        data = b""
    if len(data) < _HEADER.size:
        return _Found([], 0, _HEADER.size, _HEADER.size)
    magic, stored = _HEADER.unpack_from(data)
    if magic != _MAGIC:
        return _Found([], 0, _HEADER.size, _HEADER.size)
    entries: list[JournalEntry] = []
    start = position = _HEADER.size
    while position + _ENTRY.size <= len(data):
        length, checksum, code = _ENTRY.unpack_from(data, position)
        payload = data[position + _ENTRY.size : position + _ENTRY.size + length]
        if len(payload) < length or checksum != _checksum(code, payload):
            break
        entries.append(JournalEntry(code, payload))
        position += _ENTRY.size + length
        if len(entries) <= stored:
            start = position
    return _Found(entries, min(stored, len(entries)), start, position)
