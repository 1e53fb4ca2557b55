"""From a command to the method that carries it out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from contextvars import copy_context
from inspect import iscoroutinefunction
from typing import Any, Final, TypeVar, cast

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

    async def run(self, command: Command[R], threads: Executor) -> R:
        """Carry it out, in one of these threads where that blocks; the thread of a call that is given up goes on.

        Raises:
            WhatsAppMcpError: what the method raises.
        """
        method = self.method(command)
        if iscoroutinefunction(method):
            result: R = await method(command)
            return result
        blocking = cast(Callable[[Command[R]], R], method)
        # Not anyio's threads, whose way there and back takes half as long again.
        return await asyncio.get_running_loop().run_in_executor(threads, copy_context().run, blocking, command)
