"""What a place for received media is to those who keep and use them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from anyio import to_thread

from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.work import OnProgress, Work, ignore, stoppable
from whatsapp_mcp.models.downloaded import DownloadedFile


class ReceivedFile(Protocol):
    """One that lies there."""

    @property
    def name(self) -> str:
        """Without what is above it; made by this program."""

    @property
    def where(self) -> str:
        """To show: a path, or an address that only who may use the bucket can open."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def path(self) -> Path | None:
        """On this machine; None: it lies elsewhere."""

    def opened(self) -> AbstractContextManager[BinaryIO]:
        """For reading and seeking, in bounded memory. Raises StoreError: it cannot be read."""

    def copy_to(self, place: Path, on_progress: OnProgress = ignore) -> None:
        """Into a new private file. Raises StoreError: it cannot be read or written, or is not what was kept."""

    def link(self, seconds: int) -> str | None:
        """An address under which everybody can fetch it for so long; None: there is none."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much lies there."""

    files: int
    size: int
    """Bytes."""
    complete: bool
    """False: there is more, which would have taken too long to count."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    name: str
    """Below the place."""
    size: int
    """Bytes."""
    changed: float
    """Seconds since 1970."""


class ReceivedMedia(Protocol):
    """All of an account. Everything blocks; everything that fails raises StoreError, or SetupError when nothing can be
    done with this configuration, with the next step."""

    def __str__(self) -> str: ...

    def find(self, which: DownloadedFile) -> ReceivedFile | None:
        """The file of a message, if it was kept."""

    def keep(self, fetched: Path, which: DownloadedFile) -> ReceivedFile:
        """Put a private file that was fetched and verified there, whole or not at all.

        Args:
            fetched: from `downloads.draft` in the account's temporary folder; it may be gone afterwards.
        """

    def remove(self, files: Iterable[DownloadedFile]) -> None:
        """Delete those of them that are there."""

    def listed(self) -> Iterator[ListedFile]:
        """All that is there."""

    def remove_all(self) -> None:
        """Delete all that is there."""


class SharedFiles(Protocol):
    """Files of messages that leave later, by the message's id, where every machine reads them. As above of failures."""

    def hold(self, name: str, file: Path) -> None: ...

    def held(self, name: str) -> ReceivedFile | None: ...

    def held_names(self) -> list[str]: ...

    def let_go(self, names: Iterable[str]) -> None:
        """Delete those of them that are there."""


def extent_of(place: ReceivedMedia, most: int) -> Extent:
    """How much lies there; after ``most`` files it is not counted any more."""
    files = size = 0
    for one in place.listed():
        if files == most:
            return Extent(files, size, complete=False)
        files, size = files + 1, size + one.size
    return Extent(files, size, complete=True)


@asynccontextmanager
async def on_disk(file: ReceivedFile, temp: Path) -> AsyncIterator[Path]:
    """A path with its content, while the block lasts. Nobody changes what is there.

    Args:
        temp: the private folder for copies.
    """
    if (path := file.path) is not None:
        yield path
        return
    draft = await to_thread.run_sync(downloads.draft, temp)
    try:
        await stoppable(lambda cancelled: to_thread.run_sync(file.copy_to, draft, Work(cancelled=cancelled).step))
        yield draft
    finally:
        downloads.discard(draft)
