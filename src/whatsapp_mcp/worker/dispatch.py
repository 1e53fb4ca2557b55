"""From a command to the method that carries it out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any, Final, TypeVar, cast

from anyio import CapacityLimiter, to_thread

from whatsapp_mcp.pipe import account, control, groups, messages, profiles, side_login
from whatsapp_mcp.pipe.command import COMMANDS, Command

COMMAND_MODULES = (account, control, groups, messages, profiles, side_login)
"""Imported here so that every command is known where calls are read."""

R = TypeVar("R")
_HANDLED: Final = "handled_command"


Method = Callable[[Any, Any], R] | Callable[[Any, Any], Awaitable[R]]


def handles(command: type[Command[R]]) -> Callable[[Method[R]], Method[R]]:
    """Marks the method that carries out one command: it gets the command and returns the result. It may block, in a
    thread of its own, or be a coroutine function, for what waits for others."""

    def mark(method: Method[R]) -> Method[R]:
        setattr(method, _HANDLED, command)
        return method

    return mark


class Dispatch:
    """Runs commands on the handlers of all domains."""

    def __init__(self, *handlers: object) -> None:
        self._run: dict[type[Command[Any]], Callable[[Any], Any]] = {
            getattr(method, _HANDLED): getattr(each, name)
            for each in handlers
            for name, method in vars(type(each)).items()
            if hasattr(method, _HANDLED)
        }
        assert self._run.keys() == set(COMMANDS.values()), "a command without a handler"

    def method(self, command: Command[R]) -> Callable[[Command[R]], R] | Callable[[Command[R]], Awaitable[R]]:
        """What carries it out. May raise WhatsAppMcpError."""
        return self._run[type(command)]

    async def run(self, command: Command[R], limiter: CapacityLimiter) -> R:
        """Carry it out, in a thread where that blocks; the thread of a call that is given up keeps its place.

        Raises:
            WhatsAppMcpError: what the method raises.
        """
        method = self.method(command)
        if iscoroutinefunction(method):
            result: R = await method(command)
            return result
        blocking = cast(Callable[[Command[R]], R], method)
        return await to_thread.run_sync(blocking, command, abandon_on_cancel=True, limiter=limiter)
