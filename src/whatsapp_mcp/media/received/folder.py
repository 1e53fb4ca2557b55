"""Received media in a folder of the account: one file a message, in a folder of its chat."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.media import downloads
from whatsapp_mcp.media.limits import MIB
from whatsapp_mcp.media.received.place import ListedFile
from whatsapp_mcp.media.work import OnProgress, ignore
from whatsapp_mcp.models.downloaded import DownloadedFile
from whatsapp_mcp.private_files import new_private_file

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class FolderFile:
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def where(self) -> str:
        return str(self.path)

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def opened(self) -> AbstractContextManager[BinaryIO]:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}") from error

    def copy_to(self, place: Path, on_progress: OnProgress = ignore) -> None:
        try:
            with self.path.open("rb") as source, new_private_file(place) as target:
                whole = os.fstat(source.fileno()).st_size
                while piece := source.read(MIB):
                    target.write(piece)
                    on_progress(target.tell() / max(whole, 1))
        except OSError as error:
            raise StoreError(f"{self.path} cannot be copied: {error.strerror}") from error

    def link(self, seconds: int) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class MediaFolder:
    folder: Path
    """The media folder of the account; nothing outside it is touched."""

    def __str__(self) -> str:
        return str(self.folder)

    def find(self, which: DownloadedFile) -> FolderFile | None:
        place, is_kept = downloads.kept_or_free(self._usual(which), which.sha256)
        return FolderFile(place) if is_kept else None

    def keep(self, fetched: Path, which: DownloadedFile) -> FolderFile:
        place, _ = downloads.kept_or_free(self._usual(which), which.sha256)
        downloads.keep(fetched, place)
        return FolderFile(place)

    def remove(self, files: Iterable[DownloadedFile]) -> None:
        """What cannot be deleted now, on Windows say while it is open, stays; the log says so."""
        for file in files:
            try:
                downloads.remove_all(self._usual(file), file.sha256)
            except StoreError as error:
                logger.warning("media of a removed message stays: %s", error.message)

    def listed(self) -> Iterator[ListedFile]:
        try:
            for place in self._places():
                found = place.stat()
                yield ListedFile(f"{place.parent.name}/{place.name}", found.st_size, found.st_mtime)
        except OSError as error:
            raise StoreError(f"the media folder cannot be read: {error.strerror}") from error

    def remove_all(self) -> None:
        try:
            for place in list(self._places()):
                downloads.remove(place)
        except OSError as error:
            raise StoreError(f"the media folder cannot be read: {error.strerror}") from error

    def _places(self) -> Iterator[Path]:
        """Only what was kept: in the folders of chats, no links."""
        if not self.folder.is_dir():
            return
        for chat in self.folder.iterdir():
            if chat.name in downloads.NOT_CHATS or chat.is_symlink() or not chat.is_dir():
                continue
            yield from (place for place in chat.iterdir() if downloads.is_kept(place))

    def _usual(self, which: DownloadedFile) -> Path:
        return downloads.target(
            self.folder, chat=which.chat, message_id=which.message_id, mimetype=which.mimetype, name=which.name
        )
