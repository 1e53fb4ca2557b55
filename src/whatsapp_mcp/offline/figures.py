"""What is counted of an account, from its files: no session process is asked, and none has to run."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.documents import is_there
from whatsapp_mcp.errors import StoreError, WhatsAppMcpError
from whatsapp_mcp.models.figures import AccountFigures, LimitUse, WebhookFigures
from whatsapp_mcp.offline.webhooks import list_webhooks
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.policy.limits import windows
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.choice import database_at
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.webhooks.book import WebhookBook
from whatsapp_mcp.webhooks.progress import Standing, read_progress


def figures_of(settings: Settings) -> AccountFigures:
    """Takes milliseconds. What cannot be read is left out: who watches sees it missing, and `doctor` says why."""
    arrivals, messages = _stored(settings)
    limits, approvals = _policy(settings)
    try:
        free: int | None = shutil.disk_usage(settings.account_dir).free
    except OSError:
        free = None
    return AccountFigures(
        restarts=Ledger.read(settings.ledger_path).restarts,
        arrivals=arrivals,
        messages=messages,
        bytes={
            "messages": _messages_size(settings),
            "session": _size(settings.session_db),
            "policy": _size(settings.policy_book_path),
        },
        disk_free=free,
        limits=limits,
        approvals=approvals,
        webhooks=_webhooks(settings, arrivals or 0),
    )


def _messages_size(settings: Settings) -> int:
    with suppress(StoreError):
        return database_at(settings.store).size()
    return 0


def _size(database: Path) -> int:
    """Bytes, the log included."""
    total = 0
    for part in (database, database.with_name(f"{database.name}-wal")):
        with suppress(OSError):
            total += part.stat().st_size
    return total


def _stored(settings: Settings) -> tuple[int | None, int | None]:
    """The newest arrival number, and how many messages there are."""
    with suppress(StoreError), closing(StoreReader(settings.store)) as reader:
        return reader.newest_arrival(), reader.stats().messages
    return None, None


def _policy(settings: Settings) -> tuple[tuple[LimitUse, ...], int | None]:
    """What is used up of the limits, and how many calls wait for the owner."""
    with suppress(WhatsAppMcpError), closing(PolicyBook(settings.policy_book)) as book:
        held = windows(PolicyFile(settings.policy_place, settings.policy).rules.limits)
        used = book.used(held, now_ms())
        uses = (LimitUse(window.name, amount, window.most) for window, amount in zip(held, used, strict=True))
        return tuple(uses), len(book.pending(now_ms()))
    return (), None


def _webhooks(settings: Settings, arrivals: int) -> WebhookFigures:
    with suppress(WhatsAppMcpError, OSError):
        if not is_there(settings.webhooks_place):
            return WebhookFigures()
        listed, progress = list_webhooks(settings), read_progress(settings.webhook_progress_place)
        positions = [
            max(progress.get(one.id, Standing()).position, one.since)
            for one in WebhookBook(settings.webhooks_place).webhooks()
        ]
        return WebhookFigures(
            states=Counter(one.state for one in listed),
            behind=max(0, arrivals - min(positions, default=arrivals)),
            delivered=sum(one.delivered for one in listed),
            refused=sum(one.refused for one in listed),
        )
    return WebhookFigures()
