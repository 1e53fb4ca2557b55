"""The QR code of the moment as a picture in the account's folder, for hosts that show none."""

from __future__ import annotations

import logging
from pathlib import Path

from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.qr_picture import qr_picture

logger = logging.getLogger(__name__)


class QrFile:
    """Only the session process writes it: there is one code at a time, however many servers show it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def show(self, text: str) -> None:
        """Replace what is there."""
        try:
            write_private(self._path, qr_picture(text))
        except OSError as error:
            logger.warning("the QR code cannot be written to %s: %s", self._path, error.strerror)

    def remove(self) -> None:
        """It is not valid any more."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s cannot be removed: %s", self._path, error.strerror)
