"""prompts/list and prompts/get."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from whatsapp_mcp.catalog.near_miss import near_miss
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.server.offer import Offer
from whatsapp_mcp.server.prompt_kinds import PROMPTS, PromptKind
from whatsapp_mcp.server.reading import Reading
from whatsapp_mcp.server.resource_kinds import JSON, uri_of
from whatsapp_mcp.untrusted_text import clean_text

_LONGEST: Final = 500
"""Characters of an argument."""
_SHOWN: Final = 100
"""Messages that come with a prompt about a chat, as far as the budget allows."""
_Context = ServerRequestContext[Any]


class Prompts:
    """Of one server."""

    def __init__(self, offer: Offer, reading: Reading) -> None:
        self._offer = offer
        self._reading = reading

    def kinds(self, ctx: _Context) -> dict[str, PromptKind]:
        """Those that this caller has the tools for, by name."""
        tools = self._offer.names(ctx)
        return {kind.name: kind for kind in PROMPTS if kind.possible(tools)}

    async def list(self, ctx: _Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        if params is not None and params.cursor is not None:
            raise MCPError(types.INVALID_PARAMS, "Unknown cursor: everything is on one page")
        return types.ListPromptsResult(prompts=[_listed(kind) for kind in self.kinds(ctx).values()])

    def find(self, ctx: _Context, name: str) -> PromptKind:
        """Raises MCPError: there is none of this name."""
        kinds = self.kinds(ctx)
        if name not in kinds:
            meant = near_miss(name, kinds)
            hint = f"; did you mean {meant}?" if meant else ""
            raise MCPError(types.INVALID_PARAMS, f"Unknown prompt{hint}")
        return kinds[name]

    async def get(self, ctx: _Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        kind = self.find(ctx, params.name)
        given = _checked(kind, params.arguments or {})
        text = kind.text(given, self._offer.names(ctx).__contains__)
        messages = [types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))]
        if kind.shows is not None:
            messages.append(types.PromptMessage(role="user", content=await self._chat(ctx, given[kind.shows])))
        return types.GetPromptResult(description=kind.description, messages=messages)

    async def _chat(self, ctx: _Context, chat: str) -> types.EmbeddedResource:
        """Its newest messages, as the resource of the chat shows them."""
        operation = self._offer.operation("getChatMessages")
        try:
            async with self._reading.passage(ctx, operation) as passage:
                outcome = await self._reading.run(ctx, passage, {"chat_jid": chat, "limit": _SHOWN})
                text = self._reading.text(passage, outcome)
        except WhatsAppMcpError as error:
            raise self._reading.refusal(ctx, error) from None
        uri = uri_of("chat", jid=chat)
        return types.EmbeddedResource(
            type="resource", resource=types.TextResourceContents(uri=uri, mime_type=JSON, text=text)
        )


def _listed(kind: PromptKind) -> types.Prompt:
    arguments = [
        types.PromptArgument(name=each.name, description=each.description, required=each.required)
        for each in kind.parameters
    ]
    return types.Prompt(name=kind.name, title=kind.title, description=kind.description, arguments=arguments)


def _checked(kind: PromptKind, arguments: Mapping[str, str]) -> dict[str, str]:
    """What was given, on one line each; a blank one counts as not given. Raises MCPError: names the argument."""
    known = [each.name for each in kind.parameters]
    for name in arguments:
        if name not in known:
            raise MCPError(types.INVALID_PARAMS, f"{kind.name} takes no such argument. It takes {', '.join(known)}")
        if len(arguments[name]) > _LONGEST:
            raise MCPError(types.INVALID_PARAMS, f"{name} is longer than {_LONGEST} characters")
    given = {name: " ".join(clean_text(value, _LONGEST).split()) for name, value in arguments.items()}
    for each in kind.parameters:
        if each.required and not given.get(each.name):
            raise MCPError(types.INVALID_PARAMS, f"{each.name} is required: {each.description}")
    return {name: value for name, value in given.items() if value}
