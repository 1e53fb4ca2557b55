"""The handlers of all requests but those of tools. What they work with is loaded at the first of them: a host waits for
`initialize` alone."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server

from whatsapp_mcp.operations.outcome import Runner
from whatsapp_mcp.server.audience import Audience
from whatsapp_mcp.server.callers import Callers
from whatsapp_mcp.server.calls import Calls
from whatsapp_mcp.server.client_log import ClientLog
from whatsapp_mcp.server.news import ChangeWatch, SessionBoard, is_unlinked
from whatsapp_mcp.server.offer import Offer
from whatsapp_mcp.server.prompt_kinds import PROMPTS
from whatsapp_mcp.server.resource_kinds import KINDS, VIEWS_EXTENSION, kinds_for
from whatsapp_mcp.settings import Settings

if TYPE_CHECKING:
    from whatsapp_mcp.server.completions import Completions
    from whatsapp_mcp.server.prompts import Prompts
    from whatsapp_mcp.server.reading import Reading
    from whatsapp_mcp.server.resources import Resources
    from whatsapp_mcp.server.subscriptions import Subscriptions

_Context = ServerRequestContext[Any]


class _Lists(NamedTuple):
    """Names of what is listed, whoever asks."""

    tools: frozenset[str]
    resources: frozenset[str]
    prompts: frozenset[str]


class LateHandlers:
    """Of one server."""

    def __init__(
        self,
        offer: Offer,
        runner: Runner,
        callers: Callers,
        calls: Calls,
        settings: Settings,
        board: SessionBoard | None,
    ) -> None:
        """``board``: without it nothing is told unasked."""
        self._offer = offer
        self._runner = runner
        self._callers = callers
        self._calls = calls
        self._settings = settings
        self._board = board
        self._audience = Audience(self._wanted)
        self.log = ClientLog(self._audience)
        self._state = board.snapshot.state if board is not None else None
        self._policy_is_wrong = False
        self._told: _Lists | None = None
        self.news = ChangeWatch(board, self._look) if board is not None else None
        self.reads = any(self._offer.has_tool(kind.beside) for kind in KINDS)
        self.prompts = any(kind.possible(self._offer.tools.keys()) for kind in PROMPTS)

    def all(self) -> dict[str, Any]:
        """As arguments of the SDK's ``Server``: a capability is one that has a handler. None where no tool reads."""
        handlers: dict[str, Any] = {}
        if self.reads:
            handlers |= {
                "on_list_resources": self.list_resources,
                "on_list_resource_templates": self.list_resource_templates,
                "on_read_resource": self.read_resource,
                "on_completion": self.complete,
            }
        if self.prompts:
            handlers |= {"on_list_prompts": self.list_prompts, "on_get_prompt": self.get_prompt}
        if self.news is not None:
            handlers |= {"on_subscriptions_listen": self.listen}
        if self.news is not None and self.reads:
            handlers |= {"on_subscribe_resource": self.subscribe, "on_unsubscribe_resource": self.unsubscribe}
        return handlers

    @property
    def told_of(self) -> NotificationOptions:
        """Which lists a client is told of when they change."""
        told = self.news is not None
        return NotificationOptions(self.prompts and told, self.reads and told, told)

    def add_to(self, server: Server[Any]) -> None:
        """What has no place among the arguments of a server."""
        if any(kind.shape == "view" and self._offer.has_tool(kind.beside) for kind in KINDS):
            server.extensions[VIEWS_EXTENSION] = {}
        # As an argument, it is warned of: the latest revision has it no more.
        server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, self.log.set_level)
        if self._settings.client_roots:  # the same
            server.add_notification_handler(
                "notifications/roots/list_changed", types.NotificationParams, self._callers.roots.changed
            )
        if self.news is not None:
            server.add_notification_handler(
                "notifications/initialized", types.NotificationParams, self._audience.joined
            )

    async def list_resources(
        self, ctx: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourcesResult:
        await self._offer.look()
        return await self._resources.list(ctx, params)

    async def list_resource_templates(
        self, ctx: _Context, params: types.PaginatedRequestParams | None
    ) -> types.ListResourceTemplatesResult:
        await self._offer.look()
        return await self._resources.templates(ctx, params)

    async def read_resource(self, ctx: _Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        await self._offer.look()
        return await self._resources.read(ctx, params)

    async def list_prompts(self, ctx: _Context, params: types.PaginatedRequestParams | None) -> types.ListPromptsResult:
        await self._offer.look()
        return await self._prompts.list(ctx, params)

    async def get_prompt(self, ctx: _Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        await self._offer.look()
        return await self._prompts.get(ctx, params)

    async def complete(self, ctx: _Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        await self._offer.look()
        return await self._completions.complete(ctx, params)

    async def subscribe(self, ctx: _Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        self._wanted()
        return await self._subscriptions.subscribe(ctx, params)

    async def unsubscribe(self, ctx: _Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        return await self._subscriptions.unsubscribe(ctx, params)

    async def listen(
        self, ctx: _Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        self._wanted()
        return await self._subscriptions.listen(ctx, params)

    # -- what is told unasked -----------------------------------------------------------------------------------------

    def _wanted(self) -> None:
        if self.news is not None:
            self.news.wanted()

    async def _look(self) -> None:
        """Tell of what has changed since the last look."""
        await self._offer.look()
        lists = self._lists()
        before, self._told = self._told or lists, lists
        if lists.tools != before.tools:
            await self._changed(types.ToolListChangedNotification())
        if lists.resources != before.resources:
            await self._changed(types.ResourceListChangedNotification())
        if lists.prompts != before.prompts:
            await self._changed(types.PromptListChangedNotification())
        if "_subscriptions" in vars(self):
            await self._subscriptions.look()
        await self._note_for_logs()

    async def _note_for_logs(self) -> None:
        if self._board is not None and (state := self._board.snapshot.state) is not self._state:
            self._state = state
            await self.log.session_is(state)
        wrong = self._offer.policy_is_wrong
        if wrong and not self._policy_is_wrong:
            await self.log.policy_is_wrong()
        self._policy_is_wrong = wrong

    def _lists(self) -> _Lists:
        has = self._offer.allowed()
        tools = frozenset(name for name, operation in self._offer.tools.items() if has(operation))
        return _Lists(
            tools,
            frozenset(kind.uri for kind in kinds_for(self._offer, has, unlinked=is_unlinked(self._board))),
            frozenset(kind.name for kind in PROMPTS if kind.possible(tools)),
        )

    async def _changed(self, notification: types.ServerNotification) -> None:
        await self._audience.tell(notification)
        if "_subscriptions" in vars(self):
            await self._subscriptions.list_changed(notification)

    # -- loaded when it is first used ---------------------------------------------------------------------------------

    @cached_property
    def _subscriptions(self) -> Subscriptions:
        from whatsapp_mcp.server.subscriptions import Subscriptions

        return Subscriptions(self._offer, self._reading, self._resources, self._runner, self._callers)

    @cached_property
    def _reading(self) -> Reading:
        from whatsapp_mcp.server.reading import Reading

        return Reading(self._offer, self._calls, self._callers, self._settings, self.log)

    @cached_property
    def _resources(self) -> Resources:
        from whatsapp_mcp.server.resources import Resources

        return Resources(self._offer, self._reading, self._settings, self._board)

    @cached_property
    def _prompts(self) -> Prompts:
        from whatsapp_mcp.server.prompts import Prompts

        return Prompts(self._offer, self._reading)

    @cached_property
    def _completions(self) -> Completions:
        from whatsapp_mcp.server.completions import Completions

        return Completions(self._offer, self._reading, self._resources, self._prompts)
