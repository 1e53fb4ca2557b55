"""The log of the session process: standard error, which is a file that must not grow without end."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from whatsapp_mcp.log_lines import AlikeFilter, LineFormatter
from whatsapp_mcp.pipe.lines import Logged

LARGEST: Final = 2_000_000
"""Bytes; then what is there is moved aside, in place of what was moved aside before."""
INTERVAL: Final = 60.0
_STDERR: Final = 2

logger = logging.getLogger(__name__)


async def keep_log_small(path: Path) -> None:
    """Until it is cancelled; only if standard error is that file."""
    while True:
        await asyncio.sleep(INTERVAL)
        try:
            await asyncio.to_thread(_move_aside, path)
        except OSError as error:
            logger.debug("the log cannot be moved aside: %s", error)


def _move_aside(path: Path) -> None:
    written, named = os.fstat(_STDERR), path.stat()
    if named.st_size > LARGEST and os.path.samestat(written, named):
        shutil.copyfile(path, path.with_name(f"{path.name}.old"))
        os.ftruncate(_STDERR, 0)


class TellClients(logging.Handler):
    """Passes records on to the servers, whose logs people read; tracebacks stay in the file."""

    def __init__(self, tell: Callable[[Logged], None]) -> None:
        super().__init__()
        self._tell = tell
        self.addFilter(AlikeFilter())
        self.setFormatter(LineFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:
            self.handleError(record)
            return
        self._tell(Logged(level=record.levelno, logger=record.name, text=text[:4000]))
