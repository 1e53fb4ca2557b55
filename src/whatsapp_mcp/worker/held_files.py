"""The files of messages that leave later: in a folder of this machine, and where another machine may go on with the
account, in its bucket too, if it has one."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from pathlib import Path

from whatsapp_mcp.errors import NotFound, StoreError
from whatsapp_mcp.media.received.place import SharedFiles
from whatsapp_mcp.platform.files import replace
from whatsapp_mcp.private_files import ensure_private_folder
from whatsapp_mcp.store.deferred import PENDING

logger = logging.getLogger(__name__)


class HeldFiles:
    """Each under its message's id."""

    def __init__(self, folder: Path, shared: SharedFiles | None = None) -> None:
        self._folder = folder
        self._shared = shared

    def keep(self, message_id: str, source: Path) -> Path:
        """A copy that is ours; one that leaves at once stays on this machine.

        Raises:
            StoreError: it cannot be kept.
        """
        place = self._folder / message_id
        try:
            ensure_private_folder(self._folder)
            _duplicate(source, place)
        except OSError as error:
            self.discard([message_id])
            raise StoreError(
                f"the file cannot be kept until the message leaves: {error.strerror}",
                next_step="Free some space on the disk, or check the rights of the data directory.",
            ) from error
        if self._shared is not None and not message_id.startswith(PENDING):
            try:
                self._shared.hold(message_id, place)
            except BaseException:
                self.discard([message_id])
                raise
        return place

    def at_hand(self, message_id: str) -> Path:
        """The file, on this machine.

        Raises:
            NotFound: it was kept on another machine.
            StoreError: it cannot be fetched now.
        """
        place = self._folder / message_id
        if place.exists():
            return place
        held = self._shared.held(message_id) if self._shared is not None else None
        if held is None:
            raise NotFound(
                "the file of this message stayed on the machine that held the account when it was written",
                next_step="Send it again. With a media bucket (WHATSAPP_MCP_MEDIA) files of messages that leave later "
                "are where every machine reads them.",
            )
        ensure_private_folder(self._folder)
        part = place.with_suffix(".part")
        part.unlink(missing_ok=True)
        held.copy_to(part)
        replace(part, place)
        return place

    def discard(self, message_ids: Iterable[str]) -> None:
        """They left, or will not."""
        shared: list[str] = []
        for message_id in message_ids:
            with suppress(OSError):  # else the next process sweeps it
                (self._folder / message_id).unlink(missing_ok=True)
            if not message_id.startswith(PENDING):
                shared.append(message_id)
        if shared:
            self._let_go(lambda _: shared)

    def sweep(self, held: Collection[str]) -> None:
        """What processes that were killed left of others."""
        with suppress(OSError):  # no file was ever held
            for file in self._folder.iterdir():
                if file.name not in held:
                    file.unlink(missing_ok=True)
        self._let_go(lambda shared: [name for name in shared.held_names() if name not in held])

    def _let_go(self, names: Callable[[SharedFiles], list[str]]) -> None:
        if self._shared is None:
            return
        try:
            self._shared.let_go(names(self._shared))
        except StoreError as error:
            logger.warning("files of messages that left stay until the next start: %s", error.message)


def _duplicate(source: Path, place: Path) -> None:
    """Without copying where the file system can: the source is a private copy already, which nobody changes."""
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)
