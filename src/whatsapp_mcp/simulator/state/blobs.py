"""Files of media hosts: kept in memory while small, in a nameless temporary file when not."""

from __future__ import annotations

import hashlib
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from typing import IO

_IN_MEMORY = 1 << 20
_PIECE = 1 << 18


class Blob:
    """Bytes that do not change any more. Any number of readers at a time."""

    def __init__(self, content: bytes | IO[bytes], size: int, sha256: bytes) -> None:
        self._content = content
        if not isinstance(content, bytes):
            weakref.finalize(self, content.close)
        self._reading = threading.Lock()
        self.size = size
        self.sha256 = sha256

    @classmethod
    def of(cls, parts: Iterable[bytes]) -> Blob:
        writer = BlobWriter()
        for part in parts:
            writer.write(part)
        return writer.finish()

    def pieces(self) -> Iterator[bytes]:
        """The content in parts of up to 256 KiB."""
        for start in range(0, self.size, _PIECE):
            if isinstance(self._content, bytes):
                yield self._content[start : start + _PIECE]
            else:
                yield self._read(self._content, start)

    def _read(self, file: IO[bytes], start: int) -> bytes:
        with self._reading:  # Windows has no reading at a place that leaves the file's own place alone
            file.seek(start)
            return file.read(min(_PIECE, self.size - start))


class BlobWriter:
    """Takes the bytes of a blob as they come."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, part: bytes) -> None:
        self.size += len(part)
        self._hash.update(part)
        if self._file is None and self.size > _IN_MEMORY:
            self._file = tempfile.TemporaryFile(prefix="whatsapp-simulator-")  # noqa: SIM115 - lives as long as the blob
            for earlier in self._parts:
                self._file.write(earlier)
            self._parts.clear()
        if self._file is None:
            self._parts.append(part)
        else:
            self._file.write(part)

    def finish(self) -> Blob:
        """The blob; nothing may be written afterwards."""
        if self._file is None:
            return Blob(b"".join(self._parts), self.size, self._hash.digest())
        self._file.flush()
        return Blob(self._file, self.size, self._hash.digest())
