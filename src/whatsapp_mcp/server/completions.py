"""completion/complete: names, addresses and ids of what the caller may read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.models.views import Chat, Message
from whatsapp_mcp.operations.outcome import Rows
from whatsapp_mcp.server.offer import Offer
from whatsapp_mcp.server.prompts import Prompts
from whatsapp_mcp.server.reading import Reading
from whatsapp_mcp.server.resources import Resources
from whatsapp_mcp.untrusted_text import clean_text

MOST: Final = 50
"""Values in one answer; the protocol allows 100."""
_LONGEST: Final = 200
_Context = ServerRequestContext[Any]


class Completions:
    """Of one server. Whoever may not read a chat is offered neither its name nor its address nor a message of it."""

    def __init__(self, offer: Offer, reading: Reading, resources: Resources, prompts: Prompts) -> None:
        self._offer = offer
        self._reading = reading
        self._resources = resources
        self._prompts = prompts

    async def complete(self, ctx: _Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        ref, name, begun = params.ref, params.argument.name, params.argument.value[:_LONGEST]
        given = (params.context.arguments or {}) if params.context is not None else {}
        if isinstance(ref, types.ResourceTemplateReference):
            values = await self._of_template(ctx, ref.uri, name, begun, given)
        else:
            values = await self._of_prompt(ctx, ref.name, name, begun)
        return types.CompleteResult(
            completion=types.Completion(values=values[:MOST], total=len(values), has_more=len(values) > MOST)
        )

    async def _of_template(self, ctx: _Context, uri: str, name: str, begun: str, given: Mapping[str, str]) -> list[str]:
        kind = next((kind for kind in self._resources.kinds(ctx) if kind.is_template and kind.uri == uri), None)
        if kind is None:
            raise MCPError(types.INVALID_PARAMS, "There is no such resource template")
        if name not in kind.arguments.values():
            raise MCPError(types.INVALID_PARAMS, f"argument: {kind.uri} has no such variable")
        if name == "id":
            return await self._ids(ctx, given.get("chat", ""), begun, media_only=kind.shape == "file")
        return [str(chat.jid) for chat in await self._chats(ctx, begun)]

    async def _of_prompt(self, ctx: _Context, prompt: str, name: str, begun: str) -> list[str]:
        kind = self._prompts.find(ctx, prompt)
        parameter = next((each for each in kind.parameters if each.name == name), None)
        if parameter is None:
            raise MCPError(types.INVALID_PARAMS, f"argument: {kind.name} takes no such argument")
        if parameter.completes == "chat":
            return await self._chat_names(ctx, begun)
        return [word for word in parameter.completes if word.casefold().startswith(begun.strip().casefold())]

    async def _chat_names(self, ctx: _Context, begun: str) -> list[str]:
        """As a person writes whom they mean: the name, and the address of chats whose name is not theirs alone."""
        chats = await self._chats(ctx, begun)
        names = [" ".join(clean_text(chat.name, _LONGEST).split()) for chat in chats]
        times = Counter(name.casefold() for name in names)
        return [
            name if name and times[name.casefold()] == 1 else str(chat.jid)
            for chat, name in zip(chats, names, strict=True)
        ]

    async def _chats(self, ctx: _Context, begun: str) -> list[Chat]:
        """Those whose name or number holds what was begun, the newest first."""
        wanted = begun.partition("@")[0].strip() if "@" in begun else begun.strip()
        rows = await self._rows(ctx, "listChats", {"limit": MOST + 1, **({"search": wanted} if wanted else {})})
        return [row for row in rows if isinstance(row, Chat)]

    async def _ids(self, ctx: _Context, chat: str, begun: str, *, media_only: bool) -> list[str]:
        """Of the newest messages of a chat."""
        if not chat.strip():
            return []
        asked = {"chat_jid": chat, "limit": MOST + 1, "media_only": media_only}
        rows = await self._rows(ctx, "getChatMessages", asked)
        return [row.id for row in rows if isinstance(row, Message) and row.id.startswith(begun)]

    async def _rows(self, ctx: _Context, name: str, arguments: Mapping[str, Any]) -> Sequence[Any]:
        """Of a result; none where the caller gets none: nothing is to be learnt from how a completion fails."""
        operation = self._offer.operation(name)
        if not self._offer.listed(ctx)(operation):
            return ()
        try:
            async with self._reading.passage(ctx, operation) as passage:
                outcome = await self._reading.run(ctx, passage, arguments)
        except WhatsAppMcpError:
            return ()
        listed = outcome.results.get("data") if isinstance(outcome.results, dict) else None
        return listed.views if isinstance(listed, Rows) else ()
