"""The handlers of all requests but those of tools. What they work with is loaded at the first of them: a host waits for
`initialize` alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import mcp.types as types
from mcp.server.context import ServerRequestContext

from whatsapp_mcp.catalog.check import ArgumentChecker
from whatsapp_mcp.operations.outcome import Runner
from whatsapp_mcp.server.callers import Callers
from whatsapp_mcp.server.offer import Offer
from whatsapp_mcp.server.prompt_kinds import PROMPTS
from whatsapp_mcp.server.resource_kinds import KINDS
from whatsapp_mcp.settings import Settings

if TYPE_CHECKING:
    from whatsapp_mcp.server.completions import Completions
    from whatsapp_mcp.server.prompts import Prompts
    from whatsapp_mcp.server.reading import Reading
    from whatsapp_mcp.server.resources import Resources

_Context = ServerRequestContext[Any]


class LateHandlers:
    """Of one server."""

    def __init__(
        self, offer: Offer, runner: Runner, callers: Callers, checker: ArgumentChecker, settings: Settings
    ) -> None:
        self._offer = offer
        self._runner = runner
        self._callers = callers
        self._checker = checker
        self._settings = settings

    def all(self) -> dict[str, Any]:
        """As arguments of the SDK's ``Server``: a capability is one that has a handler. None where no tool reads."""
        if not any(self._offer.has_tool(kind.beside) for kind in KINDS):
            return {}
        return {
            "on_list_resources": self.list_resources,
            "on_list_resource_templates": self.list_resource_templates,
            "on_read_resource": self.read_resource,
            "on_completion": self.complete,
            **self._of_prompts(),
        }

    def _of_prompts(self) -> dict[str, Any]:
        if not any(kind.possible(self._offer.tools.keys()) for kind in PROMPTS):
            return {}
        return {"on_list_prompts": self.list_prompts, "on_get_prompt": self.get_prompt}

    async def list_resources(
        self, ctx: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        return await self._resources.list(ctx, params)

    async def list_resource_templates(
        self, ctx: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        return await self._resources.templates(ctx, params)

    async def read_resource(self, ctx: _Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        return await self._resources.read(ctx, params)

    async def list_prompts(self, ctx: _Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        return await self._prompts.list(ctx, params)

    async def get_prompt(self, ctx: _Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        return await self._prompts.get(ctx, params)

    async def complete(self, ctx: _Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        return await self._completions.complete(ctx, params)

    @cached_property
    def _reading(self) -> Reading:
        from whatsapp_mcp.server.reading import Reading

        return Reading(self._offer, self._runner, self._callers, self._checker, self._settings)

    @cached_property
    def _resources(self) -> Resources:
        from whatsapp_mcp.server.resources import Resources

        return Resources(self._offer, self._reading, self._settings)

    @cached_property
    def _prompts(self) -> Prompts:
        from whatsapp_mcp.server.prompts import Prompts

        return Prompts(self._offer, self._reading)

    @cached_property
    def _completions(self) -> Completions:
        from whatsapp_mcp.server.completions import Completions

        return Completions(self._offer, self._reading, self._resources, self._prompts)
