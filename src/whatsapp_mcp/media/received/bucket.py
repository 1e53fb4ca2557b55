"""Received media in an S3-compatible store: one object a message, below the account's prefix.

The name of an object is a digest of what names the file: neither numbers nor words of other people stand in it. Only
what was verified is put there, under a name that its content decides too, so what is there is what was sent; a copy is
verified once more. Files go there in parts, and come back in parts: memory does not grow with them.
"""

from __future__ import annotations

import hashlib
import hmac
import io
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import obstore

from whatsapp_mcp.buckets import BucketPrefix
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.media import downloads, kinds, sniffing
from whatsapp_mcp.media.limits import MIB
from whatsapp_mcp.media.received import bucket_access
from whatsapp_mcp.media.received.bucket_errors import NotThere, told
from whatsapp_mcp.media.received.place import ListedFile
from whatsapp_mcp.media.work import OnProgress, ignore
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.private_files import new_private_file
from whatsapp_mcp.waiting import waits_for

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer
    from obstore import Attributes, ObjectMeta
    from obstore.store import S3Store

PART: Final = 8 * MIB
"""Bytes of a file that one request moves; S3 takes 10,000 of them, of 5 MiB at least."""
AT_A_TIME: Final = 2
"""Parts that are under way."""
_AT_ONCE: Final = 1000
"""Objects that one request deletes."""
_NAME: Final = 40
"""Hex digits."""
_HELD: Final = f"{downloads.HELD}/"
"""Before the names of what leaves later, which was not received."""


@dataclass(frozen=True, slots=True)
class BucketFile:
    name: str
    size: int
    sha256: bytes | None
    """Of the content that is expected."""
    _bucket: MediaBucket

    @property
    def where(self) -> str:
        return f"{self._bucket}/{self.name}"

    @property
    def path(self) -> Path | None:
        return None

    def opened(self) -> AbstractContextManager[BinaryIO]:
        return io.BufferedReader(_Ranges(self), 64 * 1024)

    def part(self, start: int, end: int) -> memoryview:
        """Bytes of the content. Raises StoreError: they cannot be read."""
        bucket = self._bucket
        with told(bucket.where, "read"):
            return memoryview(obstore.get_range(bucket.store, self.name, start=start, end=end))

    def copy_to(self, place: Path, on_progress: OnProgress = ignore) -> None:
        digest = hashlib.sha256()
        try:
            with new_private_file(place) as file, waits_for("reading from the bucket", total=self.size) as wait:
                for start in range(0, self.size, PART):
                    piece = self.part(start, min(start + PART, self.size))
                    digest.update(piece)
                    file.write(piece)
                    wait.done = file.tell()
                    on_progress(wait.done / self.size)
        except OSError as error:
            raise StoreError(f"the media folder cannot be written: {error.strerror}") from error
        if self.sha256 is not None and not hmac.compare_digest(digest.digest(), self.sha256):
            downloads.discard(place)
            raise StoreError(
                "what lies in the bucket is not the file that was kept there",
                next_step="Find out who else writes to the bucket, and delete the object: then it is fetched anew.",
            )

    def link(self, seconds: int) -> str | None:
        with told(self._bucket.where, "signed for"):
            return obstore.sign(self._bucket.store, "GET", self.name, timedelta(seconds=seconds))


class _Ranges(io.RawIOBase):
    """A file in the bucket, of which is read what is asked for."""

    def __init__(self, file: BucketFile) -> None:
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        begin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._file.size}[whence]
        self._at = max(0, begin + offset)
        return self._at

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        end = min(self._at + min(len(target), PART), self._file.size)
        if end <= self._at:
            return 0
        piece = self._file.part(self._at, end)
        target[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


@dataclass(frozen=True, slots=True)
class MediaBucket:
    where: BucketPrefix
    store: S3Store
    _patient: S3Store
    """The same, for what goes there."""
    _hurried: S3Store
    """And for what others wait for."""

    @classmethod
    def at(cls, where: BucketPrefix) -> MediaBucket:
        """Asks nothing yet. Raises SetupError: the AWS variables are wrong."""
        return cls(
            where,
            bucket_access.opened(where),
            bucket_access.opened(where, bucket_access.JOINING_SECONDS),
            bucket_access.opened(where, bucket_access.HURRIED_SECONDS, retried=False),
        )

    def __str__(self) -> str:
        return str(self.where)

    def find(self, which: DownloadedFile) -> BucketFile | None:
        try:
            return self.named(_name(which), which.sha256)
        except NotThere:
            return None

    def named(self, name: str, sha256: bytes | None = None) -> BucketFile:
        """Raises NotThere, StoreError."""
        with told(self.where, "looked for"):
            return BucketFile(name, obstore.head(self.store, name)["size"], sha256, self)

    def keep(self, fetched: Path, which: DownloadedFile) -> BucketFile:
        name = _name(which)
        return BucketFile(name, self._put(name, fetched), which.sha256, self)

    def hold(self, name: str, file: Path) -> None:
        self._put(f"{_HELD}{name}", file)

    def held(self, name: str) -> BucketFile | None:
        try:
            return self.named(f"{_HELD}{name}")
        except NotThere:
            return None

    def held_names(self) -> list[str]:
        paths = (one["path"] for chunk in self._chunks(_HELD.rstrip("/")) for one in chunk)
        return [path.removeprefix(_HELD) for path in paths]

    def let_go(self, names: Iterable[str]) -> None:
        self._delete(self._hurried, [f"{_HELD}{name}" for name in names])

    def _put(self, name: str, fetched: Path) -> int:
        """Bytes of it."""
        size = fetched.stat().st_size
        attributes: Attributes = {
            "Content-Type": sniffing.sniff(fetched).mimetype,
            # Whoever opens its address gets a file, and no page on the store's site.
            "Content-Disposition": "attachment",
        }
        with (
            told(self.where, "written"),
            waits_for("putting the file into the bucket", total=size) as wait,
            fetched.open("rb") as file,
            # If anything breaks off, the parts that are there already are given up.
            obstore.open_writer(
                self._patient, name, attributes=attributes, buffer_size=PART, max_concurrency=AT_A_TIME
            ) as writer,
        ):
            while piece := file.read(PART):
                writer.write(piece)
                wait.done = file.tell()
            writer.flush()
        return size

    def remove(self, files: Iterable[DownloadedFile]) -> None:
        """In a hurry: the store thread waits for it."""
        self._delete(self._hurried, [_name(which) for which in files])

    def listed(self) -> Iterator[ListedFile]:
        for chunk in self._chunks():
            received = (one for one in chunk if not one["path"].startswith(_HELD))
            yield from (ListedFile(one["path"], one["size"], one["last_modified"].timestamp()) for one in received)

    def remove_all(self) -> None:
        for chunk in self._chunks():
            self._delete(self.store, [one["path"] for one in chunk])

    def copy_all_to(self, other: BucketPrefix) -> None:
        """Within the store, to another prefix of the same bucket. What has the same name there is the same."""
        whole = bucket_access.opened(BucketPrefix(self.where.bucket, ""))
        for chunk in self._chunks():
            for one in chunk:
                with told(self.where, "copied"):
                    obstore.copy(whole, f"{self.where.prefix}/{one['path']}", f"{other.prefix}/{one['path']}")

    def _chunks(self, below: str | None = None) -> Iterator[list[ObjectMeta]]:
        listing = obstore.list(self.store, below, chunk_size=_AT_ONCE)
        while True:
            with told(self.where, "listed"):
                chunk = next(listing, None)
            if chunk is None:
                return
            yield cast("list[ObjectMeta]", chunk)

    def _delete(self, store: S3Store, names: list[str]) -> None:
        for start in range(0, len(names), _AT_ONCE):
            with told(self.where, "deleted"):
                obstore.delete(store, names[start : start + _AT_ONCE])


def _name(which: DownloadedFile) -> str:
    """The file of a message: another message of the same id, or a better file for it, is another object."""
    said = (str(which.chat.bare), which.message_id, (which.sha256 or b"").hex())
    digest = hashlib.sha256("\0".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:_NAME]
    base = which.mimetype.partition(";")[0].strip().lower()
    extension = kinds.EXTENSIONS.get(which.mimetype) or kinds.EXTENSIONS.get(base) or "bin"
    return f"{digest}.{extension}"
