"""Commands about the session process itself."""

from __future__ import annotations

from typing import Protocol

from whatsapp_mcp.pipe import control as p
from whatsapp_mcp.pipe.lines import AttachedClient
from whatsapp_mcp.worker.dispatch import handles


class Control(Protocol):
    """What can be done with the process."""

    def clients(self) -> tuple[AttachedClient, ...]:
        """Who is attached."""

    def waiting(self) -> int:
        """How much waits to be stored."""

    def restart(self) -> None:
        """End in order; the next process begins anew."""

    def move(self) -> None:
        """End in order; the process of another node goes on."""

    async def log_out(self, *, erase_messages: bool) -> bool:
        """Unlink the device and end; whether WhatsApp confirmed it."""

    async def reindex(self) -> int:
        """Make the search index anew and end; how many messages are in it. Raises ``Moving`` during another pause."""
        ...

    async def vacuum(self) -> tuple[int, int]:
        """Write the store anew and end; its bytes before and after. Raises ``Moving`` during another pause."""
        ...


class ControlHandlers:
    def __init__(self, control: Control) -> None:
        self._control = control

    @handles(p.GetClients)
    async def _clients(self, _command: p.GetClients) -> tuple[AttachedClient, ...]:
        return self._control.clients()

    @handles(p.Ping)
    async def _ping(self, _command: p.Ping) -> None:
        """That it is answered is the answer."""

    @handles(p.GetQueue)
    async def _queue(self, _command: p.GetQueue) -> int:
        return self._control.waiting()

    @handles(p.Restart)
    async def _restart(self, _command: p.Restart) -> None:
        self._control.restart()

    @handles(p.Move)
    async def _move(self, _command: p.Move) -> None:
        self._control.move()

    @handles(p.Logout)
    async def _log_out(self, command: p.Logout) -> bool:
        return await self._control.log_out(erase_messages=command.erase_messages)

    @handles(p.Reindex)
    async def _reindex(self, _command: p.Reindex) -> int:
        return await self._control.reindex()

    @handles(p.Vacuum)
    async def _vacuum(self, _command: p.Vacuum) -> tuple[int, int]:
        return await self._control.vacuum()
