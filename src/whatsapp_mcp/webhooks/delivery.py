"""One webhook: its events in their order, each until it is taken, refused, or the webhook has to stop.

A receiver that does not answer, or answers that it cannot now (5xx, 429), gets the same event again, later and later,
for three days; then the webhook is stopped until the owner lets it go on. One that refuses an event (4xx) gets it a few
times and then the next one. 410 stops the webhook at once.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import anyio

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.models.events import Event
from whatsapp_mcp.policy.audit import AuditDecision, AuditLog, AuditRecord
from whatsapp_mcp.webhooks.book import Webhook
from whatsapp_mcp.webhooks.feed import EventBatch
from whatsapp_mcp.webhooks.posting import PostResult, PostVerdict
from whatsapp_mcp.webhooks.progress import Standing
from whatsapp_mcp.webhooks.signing import body_of, event_id

logger = logging.getLogger(__name__)

FIRST_WAIT: Final = 1.0
"""Seconds to the second try, then twice as many each time; each shortened by chance, so that not all come at once."""
LONGEST_WAIT: Final = 900.0
REFUSALS: Final = 5
"""Tries of an event that is refused."""
STOPPED_AFTER: Final = 3 * 24 * 60 * 60 * 1000
"""Milliseconds without a success."""
STORE_WAIT: Final = 5.0
"""Seconds until the store is asked again when it cannot be read."""

_DOUBLINGS: Final = 20


class EventSource(Protocol):
    """Where events come from; `feed.Feed` is the real one."""

    async def after(self, position: int) -> EventBatch: ...

    async def is_for(self, webhook: Webhook, event: Event) -> bool: ...


Post = Callable[[Webhook, str, bytes], Awaitable[PostResult]]


class Delivery:
    """Delivers to one webhook until it is cancelled."""

    def __init__(
        self,
        webhook: Webhook,
        standing: Standing,
        source: EventSource,
        post: Post,
        *,
        account: str,
        audit: AuditLog,
        changed: Callable[[], None],
        now: Callable[[], int] = now_ms,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """
        Args:
            standing: how far it is; kept up to date here.
            changed: is called when that is to be written down.
            now: milliseconds since 1970.
            chance: a number from 0 to 1.
        """
        self.webhook = webhook
        self.standing = standing
        self._source = source
        self._post = post
        self._account = account
        self._audit = audit
        self._changed = changed
        self._now = now
        self._sleep = sleep
        self._chance = chance
        self._news = anyio.Event()

    def stored(self) -> None:
        """There is something new in the store."""
        self._news.set()

    async def run(self) -> None:
        if self.standing.resumed != self.webhook.resumed:
            self._resume()
        while self.standing.stopped_at is None:
            self._news = anyio.Event()  # what is stored from here on is looked for again
            try:
                batch = await self._source.after(self.standing.position)
            except StoreError as error:
                logger.warning("webhook %s: %s", self.webhook.name, error.message)
                await self._sleep(STORE_WAIT)
                continue
            await self._deliver(batch)
            if self.standing.stopped_at is None and not batch.events:
                await self._news.wait()

    def _resume(self) -> None:
        self.standing.resumed = self.webhook.resumed
        self.standing.position = max(self.standing.position, self.webhook.since)
        self.standing.stopped_at = self.standing.failing_since = self.standing.error = None
        self.standing.tries = 0
        self._changed()

    async def _deliver(self, batch: EventBatch) -> None:
        self.standing.missed = self.standing.missed or batch.missed
        for event in batch.events:
            if await self._source.is_for(self.webhook, event) and not await self._is_settled(event):
                return  # what is to be told of it is looked up again
            self.standing.position = event.arrival
        if self.standing.position != batch.until:
            self.standing.position = batch.until
            self._changed()

    async def _is_settled(self, event: Event) -> bool:
        """Send an event once; whether it is taken, or passed over. Otherwise waits, unless the webhook is stopped."""
        body = body_of(self._account, event, missed=self.standing.missed)
        began, at = time.perf_counter(), self._now()
        answer = await self._post(self.webhook, event_id(self.webhook, event), body)
        settled = self._settled(answer, at)
        if settled or self.standing.stopped_at is not None:
            self._note(event, answer, at, (time.perf_counter() - began) * 1_000, len(body))
        self._changed()
        if not settled and self.standing.stopped_at is None:
            await self._sleep(self._pause(answer))
        return settled

    def _settled(self, answer: PostResult, at: int) -> bool:
        standing, name = self.standing, self.webhook.name
        if answer.verdict is PostVerdict.TAKEN:
            if standing.failing_since is not None:
                logger.info("webhook %s: it answers again", name)
            standing.delivered += 1
            standing.delivered_at = at
            standing.failing_since = standing.error = None
            standing.tries, standing.missed = 0, False
            return True
        if standing.tries == 0:
            logger.warning("webhook %s: an event was not taken: %s; it is tried again", name, answer.said)
        standing.tries += 1
        standing.error = answer.said
        standing.failing_since = at if standing.failing_since is None else standing.failing_since
        if answer.verdict is PostVerdict.GONE or at - standing.failing_since >= STOPPED_AFTER:
            logger.error("webhook %s is stopped: %s; `whatsapp-mcp webhook resume %s`", name, answer.said, name)
            standing.stopped_at = at
            return False
        if answer.verdict is PostVerdict.REFUSED and standing.tries >= REFUSALS:
            logger.warning("webhook %s: an event is passed over after %d tries: %s", name, REFUSALS, answer.said)
            standing.refused += 1
            standing.tries, standing.failing_since = 0, None  # it is there, and answers
            return True
        return False

    def _pause(self, answer: PostResult) -> float:
        if answer.retry_after is not None:
            return max(answer.retry_after, FIRST_WAIT)
        longest = min(FIRST_WAIT * (1 << min(self.standing.tries - 1, _DOUBLINGS)), LONGEST_WAIT)
        return longest * (0.5 + self._chance() / 2)

    def _note(self, event: Event, answer: PostResult, at: int, duration_ms: float, size: int) -> None:
        """What left, without what it said."""
        taken = answer.verdict is PostVerdict.TAKEN
        self._audit.write(
            AuditRecord(
                at=at,
                host=self.webhook.name,
                grant="local",
                transport="webhook",
                conversation=0,
                operation=f"webhook.{event.kind.value}",
                decision=AuditDecision.ALLOWED if taken else AuditDecision.FAILED,
                duration_ms=duration_ms,
                chats=(event.chat,),
                ids=(event.message_id,) if event.message_id is not None else (),
                error=None if taken else answer.verdict.value,
                bytes_out=size,
            )
        )
