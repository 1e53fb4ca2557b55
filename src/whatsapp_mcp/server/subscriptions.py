"""Who is told when a resource changes: ``resources/subscribe`` up to 2025-11-25, ``subscriptions/listen`` since.

A subscription says only that something changed, and only while its caller may read it: each look is a look of that
caller, under the rules that hold now.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourceUpdated, ServerEvent
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import event_from_wire

from whatsapp_mcp.catalog import Operation
from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.operations.outcome import Runner, Watched
from whatsapp_mcp.policy.caller import Caller
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server.audience import patiently
from whatsapp_mcp.server.callers import Callers
from whatsapp_mcp.server.offer import Offer
from whatsapp_mcp.server.reading import Reading
from whatsapp_mcp.server.resources import Resources
from whatsapp_mcp.server.sdk_private import connection_of

logger = logging.getLogger(__name__)

MOST_OF_A_CLIENT: Final = 100
"""Resources that one client, or one stream, watches."""
MOST_STREAMS: Final = 200
_SUBSCRIBER: Final = "whatsapp_mcp.subscriber"
_Context = ServerRequestContext[Any]


@dataclass(eq=False)
class _Subscriber:
    caller: Caller
    tell: Callable[[str], Awaitable[bool]]
    """That the resource with this URI, as the client wrote it, has changed; whether the client took it."""
    watched: dict[str, tuple[Operation, Watched]] = field(default_factory=dict)


class Subscriptions:
    """Of one server."""

    def __init__(self, offer: Offer, reading: Reading, resources: Resources, runner: Runner, callers: Callers) -> None:
        self._offer = offer
        self._reading = reading
        self._resources = resources
        self._runner = runner
        self._callers = callers
        self.subscribers: set[_Subscriber] = set()
        self._streams: set[InMemorySubscriptionBus] = set()

    async def subscribe(self, ctx: _Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        subscriber = self._subscriber(ctx)
        if len(subscriber.watched) >= MOST_OF_A_CLIENT and params.uri not in subscriber.watched:
            raise MCPError(types.INVALID_PARAMS, f"A client subscribes to {MOST_OF_A_CLIENT} resources at most")
        subscriber.watched[params.uri] = await self._begun(ctx, params.uri)
        return types.EmptyResult()

    async def unsubscribe(self, ctx: _Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        self._subscriber(ctx).watched.pop(params.uri, None)
        return types.EmptyResult()

    def _subscriber(self, ctx: _Context) -> _Subscriber:
        """Of the connection, for as long as it is open."""
        connection = connection_of(ctx.session)
        known = connection.state.get(_SUBSCRIBER)
        if isinstance(known, _Subscriber):
            return known
        session = ctx.session

        async def tell(uri: str) -> bool:
            return await patiently(lambda to: to.send_resource_updated(uri), session)

        made = connection.state[_SUBSCRIBER] = _Subscriber(self._callers.of(ctx), tell)
        self.subscribers.add(made)
        connection.exit_stack.callback(self.subscribers.discard, made)
        return made

    async def listen(
        self, ctx: _Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        """Of what is asked for, what the caller may read is acknowledged; a stream lasts until the client ends it."""
        if len(self._streams) >= MOST_STREAMS:
            raise MCPError(types.INTERNAL_ERROR, "Too many subscriptions; end another one first")
        stream = InMemorySubscriptionBus()

        async def tell(uri: str) -> bool:
            await stream.publish(ResourceUpdated(uri=uri))
            return True

        subscriber = _Subscriber(self._callers.of(ctx), tell)
        for uri in (params.notifications.resource_subscriptions or [])[:MOST_OF_A_CLIENT]:
            try:
                subscriber.watched[uri] = await self._begun(ctx, uri)
            except MCPError:
                logger.debug("a subscription is left out: there is no such resource for this caller")
        honoured = params.notifications.model_copy(update={"resource_subscriptions": list(subscriber.watched)})
        self._streams.add(stream)
        self.subscribers.add(subscriber)
        try:
            return await ListenHandler(stream)(ctx, params.model_copy(update={"notifications": honoured}))
        finally:
            self.subscribers.discard(subscriber)
            self._streams.discard(stream)

    async def _begun(self, ctx: _Context, uri: str) -> tuple[Operation, Watched]:
        """Raises MCPError: there is no such resource for this caller."""
        await self._offer.look()
        kind, arguments = self._resources.find(ctx, uri)
        operation = self._offer.operation(kind.operation)
        try:
            async with self._reading.passage(ctx, operation) as passage:
                return operation, await self._runner.watch(passage, arguments)
        except WhatsAppMcpError as error:
            raise self._reading.refusal(ctx, error, uri) from None

    async def list_changed(self, notification: types.ServerNotification) -> None:
        """Tell the streams that asked for it."""
        event = event_from_wire(notification.method, None)
        if event is not None:
            await self.publish(event)

    async def publish(self, event: ServerEvent) -> None:
        for stream in list(self._streams):
            await stream.publish(event)

    async def look(self) -> None:
        """Tell everybody of what has changed since the last look; once, however much it was."""
        async with anyio.create_task_group() as tasks:
            for subscriber in list(self.subscribers):
                tasks.start_soon(self._look_for, subscriber)

    async def _look_for(self, subscriber: _Subscriber) -> None:
        for uri, (operation, before) in list(subscriber.watched.items()):
            now = await self._now(subscriber.caller, operation, before)
            if uri not in subscriber.watched or now is None or now.mark == before.mark:
                continue
            if not await subscriber.tell(uri):
                return  # it does not read now; what has changed is seen at the next look again
            if uri in subscriber.watched:
                subscriber.watched[uri] = operation, now

    async def _now(self, caller: Caller, operation: Operation, before: Watched) -> Watched | None:
        """None: it is not there for this caller now, and may be again."""
        try:
            return await self._runner.watch(Passage(operation, caller), before.arguments)
        except WhatsAppMcpError:
            return None
        except Exception:
            logger.exception("it could not be seen whether a resource has changed")
            return None
