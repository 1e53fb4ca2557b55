"""The record of a run: the shapes of all stanzas, of the session and of the side logins."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.offline.diagnosis.session_process import session_process_status
from whatsapp_mcp.pipe.account_lock import is_free
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.wire.shape_record import RecordedShapes, read_record

ENDED_WITHIN: Final = 20.0
"""Seconds for a session process to notice that nobody needs it."""


class Recorder:
    """What the processes of a run write, until it is made one file of."""

    def __init__(self, path: Path) -> None:
        self._lines = path / "stanzas.jsonl"

    @property
    def environment(self) -> dict[str, str]:
        """Of the server, so that a session process that it starts records, and ends with it."""
        return {"WHATSAPP_MCP_RECORD_STANZAS": str(self._lines), "WHATSAPP_MCP_SESSION_LINGER": "0"}

    def write(self, target: Path) -> None:
        """The whole record. Raises SetupError: it cannot be written."""
        try:
            found = read_record(self._lines) if self._lines.exists() else RecordedShapes()
            write_private(target, found.text().encode())
        except OSError as error:
            raise SetupError(
                f"--record: {target} cannot be written: {error.strerror}",
                next_step="Name a file in a folder of yours.",
            ) from error


@contextmanager
def recorder() -> Iterator[Recorder]:
    """A recorder with a private folder for as long as the run takes."""
    with tempfile.TemporaryDirectory(prefix="whatsapp-mcp-record-", ignore_cleanup_errors=True) as folder:
        yield Recorder(Path(folder))


def check_unused(settings: Settings) -> None:
    """A session process that runs already does not record; one that only lingers is waited for.

    Raises:
        SetupError: other programs use the account.
    """
    status = session_process_status(settings)
    if not status.clients and (not status.running or is_free(settings.lock_path, limit=ENDED_WITHIN)):
        return
    raise SetupError(
        "--record: other programs use the account, and what they do is not for a record",
        next_step="Close the programs that use it (`whatsapp-mcp status` lists them), or leave out --record.",
    )
