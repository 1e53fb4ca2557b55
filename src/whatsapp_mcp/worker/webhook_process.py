"""The session process's end of the process that delivers webhooks: started when there are any, told of all that is
stored, ended with this one."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from pathlib import Path
from typing import Final

from whatsapp_mcp.documents import is_there
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.pipe import codec
from whatsapp_mcp.pipe.webhooks import STORED, WebhooksBegin
from whatsapp_mcp.whereabouts import place_of

logger = logging.getLogger(__name__)

COMMAND: Final = (sys.executable, "-P", "-m", "whatsapp_mcp.webhooks.process")
END_SECONDS: Final = 3.0
"""It ends with its standard input; after that it is killed."""
AGAIN: Final = 10.0
"""Seconds at least from one start to the next."""
_UNREAD: Final = 65_536
"""Bytes that wait for a process that does not read: it has news enough."""


class WebhookProcess:
    """One at a time. Only for the thread of the event loop."""

    def __init__(self, begins: WebhooksBegin | None) -> None:
        """``begins`` None: there never is one."""
        self._begins = begins
        self._book = place_of(begins.book) if begins is not None else None
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Task[None] | None = None
        self._started = float("-inf")
        self._ended = False

    def stored(self) -> None:
        """Something is new in the store, or was there from the beginning."""
        if self._process is not None and self._process.returncode is None:
            stdin = self._process.stdin
            if stdin is not None and not stdin.is_closing() and stdin.transport.get_write_buffer_size() < _UNREAD:
                stdin.write(STORED)
        elif self._book is not None and not self._ended and self._starting is None and self._may_be_there():
            now = asyncio.get_running_loop().time()
            if now - self._started >= AGAIN:
                self._started = now
                self._starting = asyncio.create_task(self._start())

    def _may_be_there(self) -> bool:
        """A file costs nothing to look for; a database is asked in a thread, when one is about to be started."""
        return not isinstance(self._book, Path) or self._book.exists()

    async def _start(self) -> None:
        assert self._begins is not None and self._book is not None
        try:
            if not isinstance(self._book, Path) and not await asyncio.to_thread(is_there, self._book):
                return
            self._process = await asyncio.create_subprocess_exec(
                *COMMAND, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
            )
        except StoreError as error:
            logger.warning("whether there are webhooks is not known: %s", error.message)
        except OSError as error:
            logger.error("the process that delivers webhooks cannot be started: %s", error.strerror)
        else:
            assert self._process.stdin is not None
            self._process.stdin.write(codec.encode(self._begins))
        finally:
            self._starting = None

    async def end(self) -> None:
        """Returns when it is gone."""
        self._ended = True
        if self._starting is not None:
            await self._starting
        process = self._process
        if process is None or process.returncode is not None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(END_SECONDS):
                await process.wait()
        except TimeoutError:
            logger.warning("the process that delivers webhooks did not end in time; it is killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
