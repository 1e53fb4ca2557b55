"""The operations for the person whose account it is, at a terminal: the path of every call, without MCP.

There the owner can be asked at once. Where nobody sits at it, a program runs the commands, and what that has read
before is unknown: it counts as having read everything, so that the policy asks what it asks a model that has.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.errors import NotAllowed, SessionError
from whatsapp_mcp.models.session import SessionSnapshot
from whatsapp_mcp.operations.outcome import Outcome, Runner
from whatsapp_mcp.policy.caller import Asking, Caller, Grant, Patience, cannot_ask
from whatsapp_mcp.policy.taint import ANYBODY, Conversation
from whatsapp_mcp.server.bodies import encoded, is_whole, success_body
from whatsapp_mcp.server.calls import Calls, known_errors
from whatsapp_mcp.settings import Settings

if TYPE_CHECKING:
    from whatsapp_mcp.catalog.operation import JsonObject

CLIENT: Final = "terminal"
"""Under which the audit has these calls, and `catchUp` remembers what was looked at."""
BUDGET: Final = 16_000_000
"""Bytes of one answer: a terminal is no model, and what is asked for is shown."""


class TerminalAnswer(NamedTuple):
    """What a call came to."""

    body: JsonObject
    """As tools.yaml describes it, with complete rows."""
    outcome: Outcome


class SeenSession(Protocol):
    """What is told of the session while something is waited for."""

    @property
    def snapshot(self) -> SessionSnapshot: ...

    @property
    def newest_arrival(self) -> int: ...

    async def ready(self) -> None: ...

    async def wait_change(self, timeout: float) -> bool: ...

    def problem(self) -> SessionError: ...


class TerminalCalls:
    """Of one command."""

    def __init__(
        self,
        operations: Sequence[Operation],
        runner: Runner,
        settings: Settings,
        *,
        ask: Asking | None,
        session: SeenSession,
    ) -> None:
        """``ask``: None when nobody can be asked."""
        self._operations = {operation.name: operation for operation in operations}
        self._calls = Calls(runner, settings.account)
        self._settings = settings
        self._ask = ask
        self.session = session
        self._conversation = Conversation(mark=f"terminal {socket.gethostname()} {os.getppid()}")
        if ask is None:
            self._conversation.has_read({ANYBODY})

    async def call(self, name: str, arguments: Mapping[str, Any]) -> TerminalAnswer:
        """Carry out an operation by its name, with arguments as tools.yaml has them.

        Raises:
            WhatsAppMcpError: it cannot be done, or may not; names tools and arguments, as for a model.
        """
        operation = self._operations.get(name)
        if operation is None:
            raise NotAllowed(
                f"{name} changes something, and this account is read-only here",
                next_step="Unset WHATSAPP_MCP_READ_ONLY.",
            )
        with self._calls.passage(operation, self._caller()) as passage, known_errors(passage):
            outcome, notes = await self._calls.run(passage, arguments)
            body = success_body(replace(outcome, full=True), budget=BUDGET, notes=notes, zone=self._settings.zone)
            passage.bytes_out = len(encoded(body))
            if outcome.seen is not None and is_whole(body):
                await outcome.seen()
        return TerminalAnswer(body, outcome)

    def _caller(self) -> Caller:
        return Caller(
            grant=Grant(scope=self._settings.scope),
            transport="terminal",
            host=CLIENT,
            client=CLIENT,
            conversation=self._conversation,
            ask=self._ask or cannot_ask,
            patience=Patience(stops=True),
        )
