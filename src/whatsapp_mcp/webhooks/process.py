"""The process that delivers the webhooks of an account: started by the session process when there are any, and gone
with it.

    python -P -m whatsapp_mcp.webhooks.process        (stdin: see pipe.webhooks)

Why a process of its own: receivers are slow, and what speaks with them takes memory that most accounts need not spend;
neither may touch the process that runs neonize. It reads the store like a server, and follows the book of webhooks.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from functools import partial
from typing import Final, cast

import anyio
import anyio.abc
import anyio.from_thread
import anyio.to_thread

from whatsapp_mcp.errors import SetupError, StoreError
from whatsapp_mcp.log_lines import start_logging
from whatsapp_mcp.pipe.webhooks import WebhooksBegin
from whatsapp_mcp.policy.audit import AuditLog
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.policy.rules import Preset
from whatsapp_mcp.webhooks.book import Webhook, WebhookBook
from whatsapp_mcp.webhooks.delivery import Delivery
from whatsapp_mcp.webhooks.feed import Feed
from whatsapp_mcp.webhooks.posting import Poster, PostResult
from whatsapp_mcp.webhooks.progress import Standing, WrittenProgress, read_progress
from whatsapp_mcp.whereabouts import place_of, whereabouts_of

logger = logging.getLogger("whatsapp_mcp.webhooks")

LOOK: Final = 2.0
"""Seconds between two looks whether the book has changed."""
WRITE: Final = 0.25
"""Seconds between two notes of how far the webhooks are. What is sent again after a crash has the same id."""
WRITE_SHARE: Final = 0.1
"""Of the time that writing them takes at most, where there are many."""
AT_ONCE: Final = 48
"""Requests at once to receivers that answer."""
FAILING_AT_ONCE: Final = 16
"""Requests at once to those that did not the last time: they take nobody's place."""


class Deliverer:
    """All webhooks of an account."""

    def __init__(self, begins: WebhooksBegin) -> None:
        self._begins = begins
        self._book = WebhookBook(place_of(begins.book))
        self._progress = place_of(begins.progress)
        self._policy = PolicyFile(place_of(begins.policy), cast(Preset, begins.preset))
        self._feed = Feed(whereabouts_of(begins.store), self._policy)
        self._audit = AuditLog(whereabouts_of(begins.audit), lambda: self._policy.as_seen.audit)
        self._poster = Poster()
        self._answering = anyio.CapacityLimiter(AT_ONCE)
        self._failing = anyio.CapacityLimiter(FAILING_AT_ONCE)
        self._running: dict[Webhook, tuple[Delivery, anyio.CancelScope]] = {}
        self._standings: dict[str, Standing] = {}
        self._written = WrittenProgress(self._progress)
        self._changed: set[str] = set()
        self._dirty = anyio.Event()
        self._stop = anyio.Event()

    def stored(self) -> None:
        self._feed.stored()
        for delivery, _ in self._running.values():
            delivery.stored()

    def stop(self) -> None:
        """Write down how far they are, and end."""
        self._stop.set()

    async def run(self) -> None:
        self._standings = await anyio.to_thread.run_sync(read_progress, self._progress)
        self._written.note(self._standings)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._follow_book, tasks)
                tasks.start_soon(self._keep_progress)
                await self._stop.wait()
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._write()
                await self._poster.close()
            self._feed.close()
            self._audit.close()

    async def _follow_book(self, tasks: anyio.abc.TaskGroup) -> None:
        seen: object = None
        while True:
            try:
                stamp = await anyio.to_thread.run_sync(self._book.stamp)
                if stamp != seen:
                    seen = stamp
                    self._take_over(await anyio.to_thread.run_sync(self._book.webhooks), tasks)
            except SetupError as error:
                logger.warning("%s %s", error.message, error.next_step)
            await anyio.sleep(LOOK)

    def _take_over(self, webhooks: tuple[Webhook, ...], tasks: anyio.abc.TaskGroup) -> None:
        for webhook in self._running.keys() - set(webhooks):
            _, scope = self._running.pop(webhook)
            scope.cancel()
        for webhook in webhooks:
            if webhook not in self._running:
                begins = Standing(position=webhook.since, resumed=webhook.resumed)
                standing = self._standings.setdefault(webhook.id, begins)
                delivery = Delivery(
                    webhook,
                    standing,
                    self._feed,
                    self._post,
                    account=self._begins.account,
                    audit=self._audit,
                    changed=partial(self._has_changed, webhook.id),
                )
                self._running[webhook] = delivery, anyio.CancelScope()
                tasks.start_soon(self._deliver, webhook)
        known = {webhook.id for webhook in webhooks}
        for gone in self._standings.keys() - known:
            del self._standings[gone]
            self._written.forget(gone)
            self._dirty.set()

    def _has_changed(self, webhook: str) -> None:
        self._changed.add(webhook)
        self._dirty.set()

    async def _deliver(self, webhook: Webhook) -> None:
        delivery, scope = self._running[webhook]
        with scope:
            try:
                await delivery.run()
            except Exception:  # the others go on
                logger.exception("webhook %s ended by an unforeseen error", webhook.name)

    async def _post(self, webhook: Webhook, message_id: str, body: bytes) -> PostResult:
        failing = self._standings[webhook.id].failing_since is not None
        async with self._failing if failing else self._answering:
            return await self._poster.post(webhook, message_id, body)

    async def _keep_progress(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty = anyio.Event()
            began = anyio.current_time()
            await self._write()
            await anyio.sleep(max(WRITE, (anyio.current_time() - began) / WRITE_SHARE))

    async def _write(self) -> None:
        changed, self._changed = self._changed, set()
        self._written.note({key: self._standings[key] for key in changed & self._standings.keys()})
        try:
            await anyio.to_thread.run_sync(self._written.write)
        except (OSError, StoreError) as error:
            said = error.message if isinstance(error, StoreError) else error.strerror
            logger.warning("how far the webhooks are could not be written down: %s", said)


async def _serve(begins: WebhooksBegin) -> None:
    deliverer = Deliverer(begins)
    async with anyio.from_thread.BlockingPortal() as portal:
        threading.Thread(target=_listen, args=(portal, deliverer), daemon=True).start()
        await deliverer.run()


def _listen(portal: anyio.from_thread.BlockingPortal, deliverer: Deliverer) -> None:
    """Until the session process is gone."""
    for _ in sys.stdin.buffer:
        portal.start_task_soon(deliverer.stored)
    portal.start_task_soon(deliverer.stop)


def main() -> None:
    """Entry point."""
    start_logging()
    try:
        begins = WebhooksBegin.model_validate_json(sys.stdin.buffer.readline())
    except ValueError:
        sys.stderr.write("This process is started by the session process, not by hand.\n")
        sys.exit(2)
    logging.getLogger("whatsapp_mcp").setLevel(begins.log_level)
    os.umask(0o077)
    anyio.run(_serve, begins)


if __name__ == "__main__":
    main()
