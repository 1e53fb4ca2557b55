"""From a command to the method that carries it out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

from whatsapp_mcp.pipe import account, groups, messages, profiles
from whatsapp_mcp.pipe.command import COMMANDS, Command

COMMAND_MODULES = (account, groups, messages, profiles)
"""Imported here so that every command is known where calls are read."""

R = TypeVar("R")
_HANDLED: Final = "handled_command"


def handles(command: type[Command[R]]) -> Callable[[Callable[[Any, Any], R]], Callable[[Any, Any], R]]:
    """Marks the method that carries out one command: it gets the command and returns the result."""

    def mark(method: Callable[[Any, Any], R]) -> Callable[[Any, Any], R]:
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

    def run(self, command: Command[R]) -> R:
        """Blocks until WhatsApp answered. Raises WhatsAppMcpError."""
        result: R = self._run[type(command)](command)
        return result
