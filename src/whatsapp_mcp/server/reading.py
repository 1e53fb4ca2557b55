"""Operations that are run for a resource, a completion or a prompt: as a call of the tool would be, through the same
check of arguments, gate, memory of what was read, and audit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from whatsapp_mcp.catalog import Operation
from whatsapp_mcp.errors import NotAllowed, NotFound, WhatsAppMcpError
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server.asking import ROUNDS_SINCE
from whatsapp_mcp.server.callers import Callers
from whatsapp_mcp.server.calls import Calls, known_errors
from whatsapp_mcp.server.client_log import ClientLog
from whatsapp_mcp.server.heartbeat import heartbeat
from whatsapp_mcp.server.offer import Offer
from whatsapp_mcp.server.results import failure, success
from whatsapp_mcp.server.wording import Wording
from whatsapp_mcp.settings import Settings

RESOURCE_NOT_FOUND: Final = -32002
"""Up to 2025-11-25; later revisions say invalid params."""


class Reading:
    """Of one server."""

    def __init__(
        self,
        offer: Offer,
        calls: Calls,
        callers: Callers,
        settings: Settings,
        log: ClientLog,
    ) -> None:
        self._offer = offer
        self._log = log
        self._calls = calls
        self._callers = callers
        self.budget = settings.result_budget
        """Bytes of text."""
        self.zone = settings.zone
        """Of times."""

    @asynccontextmanager
    async def passage(self, ctx: ServerRequestContext[Any], operation: Operation) -> AsyncIterator[Passage]:
        """One run, which is written down at the end. Raises WhatsAppMcpError, in words of ours."""
        passage = None
        try:
            with self._calls.passage(operation, self._callers.of(ctx)) as passage, known_errors(passage):
                yield passage
        finally:
            if passage is not None and passage.error != "cancelled":
                await self._log.call_ended(ctx, passage)

    async def run(self, ctx: ServerRequestContext[Any], passage: Passage, arguments: Mapping[str, Any]) -> Outcome:
        """Raises WhatsAppMcpError."""
        with heartbeat(ctx.session.report_progress):
            outcome, _ = await self._calls.run(passage, arguments)
        return outcome

    def text(self, passage: Passage, outcome: Outcome) -> str:
        """What the tool would show, which is JSON within the byte budget."""
        block = success(outcome, budget=self.budget, pageable=False, zone=self.zone).content[0]
        assert isinstance(block, types.TextContent)
        passage.bytes_out = len(block.text)
        return block.text

    def refusal(self, ctx: ServerRequestContext[Any], error: WhatsAppMcpError, uri: str | None = None) -> MCPError:
        """A failure as an error of the protocol; ``uri``: of the resource that could not be read.

        A chat that may not be read is not there, and neither is a message in it.
        """
        hidden = isinstance(error, NotAllowed) and error.details.get("rule") == "read"
        if uri is not None and (hidden or isinstance(error, NotFound)):
            return not_found(ctx, uri)
        error = Wording(self._offer.names(ctx)).error(error)
        block = failure(error, budget=self.budget)
        data = {key: value for key, value in (block.structured_content or {}).items() if key != "message"}
        code = types.INTERNAL_ERROR if error.code == WhatsAppMcpError.code else types.INVALID_PARAMS
        return MCPError(code, " ".join(f"{error.message}. {error.next_step}".split()), data)


def not_found(ctx: ServerRequestContext[Any], uri: str) -> MCPError:
    code = types.INVALID_PARAMS if ctx.protocol_version >= ROUNDS_SINCE else RESOURCE_NOT_FOUND
    return MCPError(code, "Resource not found", {"uri": uri[:1_000]})
