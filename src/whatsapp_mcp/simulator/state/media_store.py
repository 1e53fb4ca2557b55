"""The files on the media hosts, and the addresses under which clients find them."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from whatsapp_mcp.simulator.state.blobs import Blob
from whatsapp_mcp.wire.media import MediaKind

HOST = "mmg.whatsapp.net"
_SHELVES = {
    MediaKind.IMAGE: "t62.7118-24",
    MediaKind.VIDEO: "t62.7161-24",
    MediaKind.AUDIO: "t62.7117-24",
    MediaKind.DOCUMENT: "t62.7119-24",
}
"""Second part of a direct path, as real ones have it; the files of other kinds get one of their own."""
_OTHER_SHELF = "t62.36144-24"
_PLAIN_PREFIX = "/m1/v/t24/"
_LIFE_SECONDS = 30 * 24 * 3600


@dataclass(slots=True)
class StoredFile:
    """One file. ``direct_path`` is what clients ask for, with a query to which they append theirs by ``&``."""

    direct_path: str
    kind: MediaKind
    blob: Blob
    status: HTTPStatus = HTTPStatus.OK
    """What a download is answered: 200, or 404, 410 … for a file that is there no more."""

    @property
    def url(self) -> str:
        return f"https://{HOST}{self.direct_path}"

    @property
    def path(self) -> str:
        """The direct path without its query: what identifies the file."""
        return self.direct_path.partition("?")[0]


class MediaStore:
    """All files, by path."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._files: dict[str, StoredFile] = {}

    def add(self, kind: MediaKind, blob: Blob, *, encrypted: bool = True) -> StoredFile:
        """Keep a file, as it is to be served: ciphertext and MAC (see ``wire.media``), or plain for newsletters."""
        name = f"{secrets.randbelow(10**8)}_{secrets.randbelow(10**16)}_{secrets.randbelow(10**18)}_n"
        prefix = f"/v/{_SHELVES.get(kind, _OTHER_SHELF)}/" if encrypted else _PLAIN_PREFIX
        expires = int(self._clock()) + _LIFE_SECONDS
        query = f"ccb=11-4&oh={secrets.token_urlsafe(24)}&oe={expires:X}&_nc_sid=5e03e0"
        stored = StoredFile(f"{prefix}{name}{'.enc' if encrypted else ''}?{query}", kind, blob)
        self._files[stored.path] = stored
        return stored

    def find(self, direct_path: str) -> StoredFile | None:
        """The file at a direct path; the query does not matter."""
        return self._files.get(direct_path.partition("?")[0])

    def expire(self, direct_path: str, status: int = 410) -> None:
        """From now on downloads of this file are refused: 410 (expired), 404 or 403.

        Raises:
            KeyError: there is no such file.
        """
        self._files[direct_path.partition("?")[0]].status = HTTPStatus(status)

    def remove(self, stored: StoredFile) -> None:
        self._files.pop(stored.path, None)

    def __len__(self) -> int:
        return len(self._files)
