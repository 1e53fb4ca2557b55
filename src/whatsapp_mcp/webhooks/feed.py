"""What happened, read once for all webhooks that are at the same place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import anyio
import anyio.to_thread

from whatsapp_mcp.models.events import KEPT, Event, Events
from whatsapp_mcp.policy.chats import ChatList
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.postgres import beside_loop
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.webhooks.book import Webhook
from whatsapp_mcp.whereabouts import Whereabouts

AT_ONCE: Final = 50
"""Events read together."""
_KEPT: Final = 32
"""Places that are remembered; webhooks that have all are at one."""


@dataclass(frozen=True, slots=True)
class EventBatch:
    """The events after a place that may leave this account at all."""

    events: tuple[Event, ...]
    until: int
    """The place after them."""
    missed: bool = False


class Feed:
    """Reads the store as the policy lets it: of chats that may not be read there is nothing."""

    def __init__(self, store: Whereabouts, policy: PolicyFile) -> None:
        self._reader = StoreReader(store)
        self._policy = policy
        self._news = 0
        """How often something was stored."""
        self._rules = policy.rules
        self._as_of = -1
        """The news up to which ``_batches`` are, under ``_rules``, by place."""
        self._readable: ChatList | None = None
        self._restricted: StoreReader = self._reader
        self._batches: dict[int, EventBatch] = {}
        self._one = anyio.Lock()
        self._limiter = anyio.CapacityLimiter(1)

    def close(self) -> None:
        if self._restricted is not self._reader:
            self._restricted.close()
        self._reader.close()

    def stored(self) -> None:
        """There is something new in the store."""
        self._news += 1

    async def newest(self) -> int:
        """The place after everything."""
        return await anyio.to_thread.run_sync(self._reader.newest_arrival, limiter=self._limiter)

    async def after(self, position: int) -> EventBatch:
        """The next events. Raises StoreError."""
        async with self._one:  # the first of many looks for all of them
            rules = await beside_loop(self._policy.place, lambda: self._policy.rules)
            if rules is not self._rules or self._news != self._as_of or len(self._batches) >= _KEPT:
                self._batches.clear()
                self._rules, self._as_of = rules, self._news
            if position not in self._batches:
                found = await anyio.to_thread.run_sync(self._after, position, limiter=self._limiter)
                self._batches[position] = found
            return self._batches[position]

    async def is_for(self, webhook: Webhook, event: Event) -> bool:
        if event.kind not in webhook.kinds:
            return False
        if webhook.chats is None:
            return True
        facts = await anyio.to_thread.run_sync(self._reader.chat_facts, event.chat, limiter=self._limiter)
        return ChatList.parse(webhook.chats).allows(facts)

    def _after(self, position: int) -> EventBatch:
        self._follow_policy()
        newest = self._reader.newest_arrival()
        if position > newest:  # another account is linked, whose numbers begin anew
            position = 0
        found: Events = self._restricted.events_after(position, KEPT, limit=AT_ONCE)
        # Everything that was stored when the newest number was read has been looked at, unless there is more.
        more = len(found.events) == AT_ONCE
        until = found.events[-1].arrival if more else max(newest, *(event.arrival for event in found.events), 0)
        return EventBatch(found.events, until, found.missed)

    def _follow_policy(self) -> None:
        rules = self._rules
        readable = ChatList.parse(rules.read.allow, rules.read.deny)
        if readable == self._readable:
            return
        if self._restricted is not self._reader:
            self._restricted.close()
        everything = readable.is_everything
        self._restricted = self._reader if everything else self._reader.restricted(readable.allows)
        self._readable = readable
