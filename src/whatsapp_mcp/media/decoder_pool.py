"""The server's end of the decoder processes: starts them, gives them jobs, ends them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import sys
from types import TracebackType
from typing import Final, Self

import anyio

from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.extras import MEDIA
from whatsapp_mcp.media import confinement
from whatsapp_mcp.media.facts import F, from_json
from whatsapp_mcp.media.jobs import FFMPEG_TASKS, Job
from whatsapp_mcp.media.work import OnProgress, UnusableMedia
from whatsapp_mcp.platform.own_limits import ran_out_of_time

logger = logging.getLogger(__name__)


COMMAND: Final = (sys.executable, "-P", "-m", "whatsapp_mcp.media.decoder")
"""``-P``: never import from the folder that the host happened to start us in."""

_AT_A_TIME: Final = 2
"""Jobs; more would only slow each other down and starve the rest of the server."""
_IDLE_SECONDS: Final = 20.0
"""How long a process waits for another job: starting one costs more than a small picture."""
_START_SECONDS: Final = 30.0
"""Until a process has loaded its libraries."""
_DRAIN_SECONDS: Final = 2.0
_MAX_LINE: Final = 256 * 1024
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
"""Variables that a decoder gets beside Python's own; no setting and no secret is among them."""

_TOO_MUCH: Final = UnusableMedia(
    "preparing it takes more time than a file of this size is worth.",
    next_step="Pass a shorter or simpler one, or send it as a document.",
)
_TOO_LARGE: Final = UnusableMedia(
    "unpacking it takes more memory than one file may use.",
    next_step="Pass a smaller one, or send it as a document.",
)
_BROKEN: Final = UnusableMedia("it is damaged in a way that stopped the decoder.")


class _Crashed(Exception):
    """The process ended, or said what it never says."""


class _Process:
    """One decoder process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.retirement: asyncio.TimerHandle | None = None
        self.has_begun = False
        """With the job that it was given last."""

    @classmethod
    async def start(cls) -> _Process:
        """Raises StoreError: the system starts no process."""
        environment = {
            name: value for name, value in os.environ.items() if name in _KEPT or name.startswith("PYTHON")
        } | confinement.ENVIRONMENT
        try:
            return cls(
                await asyncio.create_subprocess_exec(
                    *COMMAND,
                    str(os.getpid()),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    env=environment,
                    limit=_MAX_LINE,
                )
            )
        except OSError as error:
            raise StoreError(
                f"no process for decoding media can be started: {error.strerror}",
                next_step="Try again when the machine is less busy.",
            ) from error

    @property
    def id(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    @property
    def died_idle(self) -> bool:
        """That it ended may have nothing to do with the job: it did others before, and did not begin with this one."""
        return self.retirement is not None and not self.has_begun

    @property
    def spent(self) -> bool:
        """Whether it ended because its CPU time was used up."""
        return ran_out_of_time(self._process.returncode)

    async def answer(self, job: Job, on_progress: OnProgress) -> dict[str, object]:
        """What it says about the job.

        Raises:
            TimeoutError: it took too long.
        """
        assert self._process.stdin is not None
        self.has_begun = False
        with contextlib.suppress(ConnectionError):  # then there is no answer either
            self._process.stdin.write(job.to_line())
            await self._process.stdin.drain()
        with anyio.fail_after(_START_SECONDS):
            await self._line()
        self.has_begun = True
        with anyio.fail_after(job.seconds):
            while True:
                said = await self._line()
                at = said.get("at")
                if not isinstance(at, float):
                    return said
                on_progress(at)

    async def _line(self) -> dict[str, object]:
        assert self._process.stdout is not None
        try:
            said = json.loads(await self._process.stdout.readline())
        except (ValueError, RecursionError):  # the end, a line too long, no JSON
            raise _Crashed from None
        if not isinstance(said, dict):
            raise _Crashed
        return said

    async def ended(self) -> None:
        """When it has stopped talking: what it died of. Before it is killed: a signal to a process that has ended takes
        its status away from asyncio (``Popen.send_signal`` polls), which then reports 255."""
        with anyio.move_on_after(_DRAIN_SECONDS):
            await self._process.wait()

    async def end(self) -> None:
        """Whatever it is doing. Returns when it is gone."""
        assert self._process.stdout is not None
        if self.retirement is not None:
            self.retirement.cancel()
        self.kill()
        with anyio.CancelScope(shield=True):
            await self._process.wait()
            with anyio.move_on_after(_DRAIN_SECONDS):  # only then asyncio lets go of its pipes
                await self._process.stdout.read()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()


class DecoderPool:
    """Runs jobs in processes of their own, ``at_a_time``. Belongs to whoever made it, who closes it.

        async with DecoderPool() as pool:
            facts = await pool.run(Job(task="photo", source=…, target=…), JpegFacts)

    A process that did its job well is kept for some seconds; any other is ended, with whatever it had allocated.
    """

    def __init__(self, *, idle_seconds: float = _IDLE_SECONDS, at_a_time: int = _AT_A_TIME) -> None:
        self._idle_seconds = idle_seconds
        self._slots = asyncio.Semaphore(at_a_time)
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._ends: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def processes(self) -> tuple[int, ...]:
        """Ids of those that are there now, busy or idle."""
        return tuple(process.id for process in self._all)

    async def close(self) -> None:
        """End all processes; running jobs fail."""
        for process in list(self._all):
            await self._end(process)

    async def run(self, job: Job, expected: type[F], *, on_progress: OnProgress = lambda _: None) -> F:
        """What a decoder process finds out. Cancelling ends the process.

        Args:
            expected: the dataclass that its answer fills.

        Raises:
            NotInstalled: it takes FFmpeg, which a plain installation does not have.
            UnusableMedia: the file cannot be used, for whatever reason.
            StoreError: the disk is full, or no process can be started.
        """
        if job.task in FFMPEG_TASKS:
            MEDIA.require("what has moving pictures or sound")
        async with self._slots:
            while True:
                process = await self._take()
                fit = False
                try:
                    said = await process.answer(job, on_progress)
                    fit = "failed" not in said
                    return _judged(said, expected, job)
                except TimeoutError:
                    raise _copy(_TOO_MUCH) from None
                except _Crashed:
                    fit = False
                    await process.ended()
                    if not process.died_idle:
                        raise _copy(_TOO_MUCH if process.spent else _BROKEN) from None
                finally:
                    if fit:
                        self._keep(process)
                    else:
                        await self._end(process)

    async def _take(self) -> _Process:
        while self._idle:
            process = self._idle.pop()
            if process.retirement is not None:
                process.retirement.cancel()
            if process.alive:
                return process
            await self._end(process)
        process = await _Process.start()
        self._all.add(process)
        return process

    def _keep(self, process: _Process) -> None:
        self._idle.append(process)
        process.retirement = asyncio.get_running_loop().call_later(self._idle_seconds, self._retire, process)

    def _retire(self, process: _Process) -> None:
        if process in self._idle:
            self._idle.remove(process)
            task = asyncio.get_running_loop().create_task(self._end(process))
            self._ends.add(task)
            task.add_done_callback(self._ends.discard)

    async def _end(self, process: _Process) -> None:
        if process in self._idle:
            self._idle.remove(process)
        await process.end()
        self._all.discard(process)


def _judged(said: dict[str, object], expected: type[F], job: Job) -> F:
    """The facts in an answer, or its reason as an exception."""
    match said:
        case {"facts": found}:
            try:
                return from_json(expected, found)
            except ValueError:
                raise _Crashed from None
        case {"unusable": [str() as message, str() as next_step]}:
            raise UnusableMedia(message, next_step=next_step)
        case {"failed": "MemoryError"}:
            raise _copy(_TOO_LARGE)
        case {"errno": errno.ENOMEM}:
            raise _copy(_TOO_LARGE)
        case {"errno": errno.EFBIG}:
            raise UnusableMedia(
                f"larger than {job.file_bytes >> 20} MiB once converted.", next_step="Pass a shorter one."
            )
        case {"errno": errno.ENOSPC | errno.EDQUOT | errno.EROFS}:
            raise StoreError(
                "the folder for temporary media cannot be written.", next_step="Free some space on the disk."
            )
    logger.warning("a decoder failed at a file (%s): %.100r", job.task, said.get("failed"))
    raise _copy(_BROKEN)


def _copy(error: UnusableMedia) -> UnusableMedia:
    """An exception of its own for each raise: they carry tracebacks."""
    return UnusableMedia(error.message, next_step=error.next_step)
