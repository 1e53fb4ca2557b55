"""The control socket: what the Python API can do, for other processes.

A Unix socket, readable and writable by its owner only. One JSON object per line: ``{"id": 1, "command": "say",
"arguments": {"contact": "Ana", "text": "Hi!"}}`` is answered by ``{"id": 1, "result": …}`` or ``{"id": 1, "error":
{"code": …, "message": …}}``, in any order. For the commands see :mod:`whatsapp_mcp.simulator.control.commands`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import stat
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from whatsapp_mcp.simulator.control.commands import Commands
from whatsapp_mcp.simulator.server import Simulator
from whatsapp_mcp.simulator.service.pairing import PairingError
from whatsapp_mcp.simulator.state.errors import IqError

__all__ = ["Commands", "ControlServer"]

log = logging.getLogger(__name__)

_MAX_LINE = 1 << 20


class ControlServer:
    """Listens on the control socket of a simulator."""

    def __init__(self, simulator: Simulator, path: Path, *, stop: Callable[[], None] | None = None) -> None:
        self._commands = Commands(simulator, stop)
        self._path = path
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        """How many are open now."""

    async def start(self) -> None:
        """Listen. A socket that a dead simulator left at this path is replaced.

        Raises:
            OSError: the path is taken or cannot be made.
        """
        if sys.platform == "win32":
            raise NotImplementedError("the simulator works on Linux only")
        self._server = await asyncio.start_unix_server(self._accept, sock=_bind(self._path), limit=_MAX_LINE)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        self._path.unlink(missing_ok=True)
        self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._keep(self._serve(reader, writer))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while line := await reader.readline():
                self._keep(self._answer(line, writer))
        except (OSError, ValueError) as error:
            log.warning("a control connection ended: %s", error)
        finally:
            self.connections -= 1
            writer.close()

    async def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> None:
        number: Any = None
        try:
            request = json.loads(line)
            number = request.get("id")
            answer: dict[str, Any] = {
                "result": await self._commands.run(request["command"], request.get("arguments") or {})
            }
        except (ValidationError, TypeError, AttributeError, KeyError, json.JSONDecodeError) as error:
            code = "not_found" if isinstance(error, KeyError) and error.args != ("command",) else "bad_request"
            answer = {"error": {"code": code, "message": str(error)}}
        except LookupError as error:
            answer = {"error": {"code": "not_found", "message": str(error)}}
        except PairingError as error:
            answer = {"error": {"code": "pairing_failed", "message": str(error)}}
        except IqError as error:
            answer = {"error": {"code": "refused", "message": str(error)}}
        except TimeoutError as error:
            answer = {"error": {"code": "timeout", "message": str(error)}}
        except Exception as error:
            log.exception("a control command failed")
            answer = {"error": {"code": "failed", "message": str(error)}}
        writer.write(json.dumps({"id": number, **answer}, ensure_ascii=False).encode() + b"\n")


def _bind(path: Path) -> socket.socket:
    if sys.platform == "win32":
        raise NotImplementedError("the simulator works on Linux only")
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode) and not _is_alive(path):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def _is_alive(path: Path) -> bool:
    if sys.platform == "win32":
        raise NotImplementedError("the simulator works on Linux only")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
