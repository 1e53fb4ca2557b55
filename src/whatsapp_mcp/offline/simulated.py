"""``--simulated``: a WhatsApp of its own for an account, shared by all servers of that account.

Whichever server comes first starts it, as a process that is nobody's child; every server holds a connection to its
control socket. Some seconds after the last server and the session process have gone, it ends by itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final, Protocol

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.models.session import SessionSnapshot
from whatsapp_mcp.pipe.account_lock import AccountLock, is_free
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.simulator.control.control_client import ControlClient, ControlError

logger = logging.getLogger(__name__)

START_LIMIT: Final = 30.0
"""Seconds within which the simulator answers, whoever starts it."""
ANSWER_LIMIT: Final = 5.0
AUTOSCAN_SECONDS: Final = 2.0
"""Time for a person to see the code before the simulated phone scans it."""
ENDPOINT_NAME: Final = "simulator-endpoint.json"
RECORD_NAME: Final = "simulator.json"
"""What the simulator said when it listened: the paths of its endpoint file and control socket."""
FOLDER_PREFIX: Final = "whatsapp-mcp-"
"""Of the temporary data directory of a server without one."""
ACCOUNT_END_LIMIT: Final = 30.0
"""Seconds after which a temporary data directory is removed although an account in it is still in use."""


class ShowsCodes(Protocol):
    """What the phone sees of a server's session."""

    @property
    def snapshot(self) -> SessionSnapshot: ...

    async def wait_change(self, timeout: float) -> bool: ...


class SimulatedWhatsApp:
    """The simulator of one account, and the phone that is shown the QR codes of one server's session."""

    def __init__(self, folder: Path, *, autoscan: bool, linger: float, temporary: Path | None = None) -> None:
        """
        Args:
            folder: of the account.
            autoscan: the phone scans by itself.
            linger: seconds for which it waits for the next server, when session process and servers have gone.
            temporary: a data directory that is removed when all has ended.
        """
        self.endpoint_path = folder / ENDPOINT_NAME
        self._record_path = folder / RECORD_NAME
        self._log_path = folder / "simulator.log"
        self._lock_path = folder / "simulator.lock"
        self._autoscan = autoscan
        self._linger = linger
        self._temporary = temporary
        self._control: ControlClient | None = None
        self._started = asyncio.Event()

    async def start(self) -> None:
        """Use the account's simulator, or start it; returns when its endpoint file can be used. Raises SetupError."""
        try:
            async with asyncio.timeout(START_LIMIT):
                lock = await AccountLock.acquire_async(self._lock_path, limit=START_LIMIT)
                if lock is None:
                    raise TimeoutError
                try:
                    self._control = await self._join()
                    if self._control is None:
                        await asyncio.to_thread(self._spawn)
                        self._control = await self._join()
                finally:
                    lock.release()
        except TimeoutError:
            self._control = None
        if self._control is None:
            raise SetupError(
                "the simulator did not start",
                next_step=f"See {self._log_path}, or run `whatsapp-mcp simulate` to see why.",
            )
        self._started.set()

    @asynccontextmanager
    async def running(self, session: ShowsCodes) -> AsyncIterator[None]:
        """Show the phone every new QR code. On leaving, the simulator is left to the others, or to end."""
        tasks = {asyncio.create_task(self._show_codes(session)), asyncio.create_task(self._keep_one())}
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            if self._control is not None:
                await self._control.close()

    async def _join(self) -> ControlClient | None:
        """A connection to the simulator that was started last; None when it does not run."""
        try:
            control = ControlClient(Path(json.loads(self._record_path.read_bytes())["control"]), timeout=ANSWER_LIMIT)
            await control.connect()
        except (OSError, ValueError, KeyError, TypeError):
            return None
        try:
            await control.call("status")  # it may just be ending
        except (ControlError, TimeoutError):
            await control.close()
            return None
        except BaseException:  # whoever is cancelled here is no user of it
            await control.close()
            raise
        return control

    def _spawn(self) -> None:
        """Start a simulator of nobody's; returns when it listens, or has failed to. Blocks."""
        write_private(self._log_path, b"")
        # Not asyncio's: that would kill the process when the event loop is closed.
        with self._log_path.open("ab") as log:
            process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        assert process.stdout is not None
        with process.stdout as said:
            write_private(self._record_path, said.readline())

    def _command(self) -> list[str]:
        command = [sys.executable, "-P", "-m", "whatsapp_mcp", "simulate", "--endpoint", str(self.endpoint_path)]
        command += ["--exit-when-unused", str(self._linger)]
        if self._autoscan:
            command += ["--autoscan", str(AUTOSCAN_SECONDS)]
        if self._temporary is not None:
            command += ["--remove", str(self._temporary)]
        return command

    async def _show_codes(self, session: ShowsCodes) -> None:
        await self._started.wait()
        shown = ""
        while True:
            text = session.snapshot.qr_text
            if text and text != shown and self._control is not None:
                shown = text
                try:
                    await self._control.call("show_qr", qr=text)
                except (ControlError, TimeoutError) as error:
                    logger.warning("the simulated phone did not take the code: %s", error)
            await session.wait_change(3600)

    async def _keep_one(self) -> None:
        """Start another simulator when this one has ended: it knows no device, but can be linked with."""
        await self._started.wait()
        try:
            while self._control is not None:
                await self._control.wait_disconnected()
                logger.warning("the simulated WhatsApp has ended; another one takes its place, and knows no device")
                await self._control.close()
                await self.start()
        except SetupError as error:
            logger.error("%s. %s", error.message, error.next_step)


@contextmanager
def temporary_data_dir() -> Iterator[Path]:
    """A new data directory for a simulated account that nobody keeps. Its simulator removes it, if there is one."""
    folder = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
    try:
        yield folder
    finally:
        if not any(folder.glob(f"*/{RECORD_NAME}")):
            shutil.rmtree(folder, ignore_errors=True)


def remove_data_dir(folder: Path) -> None:
    """Remove a temporary data directory, once no session process uses an account in it. The simulator of another
    account in it does that instead, if there still is one.

    Raises:
        SetupError: it is not one that :func:`temporary_data_dir` made.
    """
    if folder.parent != Path(tempfile.gettempdir()) or not folder.name.startswith(FOLDER_PREFIX):
        raise SetupError(f"{folder} is not a temporary data directory")
    if any(folder.glob(f"*/{ENDPOINT_NAME}")):
        return
    deadline = time.monotonic() + ACCOUNT_END_LIMIT
    for path in folder.glob("*/lock"):
        is_free(path, limit=deadline - time.monotonic())
    shutil.rmtree(folder, ignore_errors=True)
