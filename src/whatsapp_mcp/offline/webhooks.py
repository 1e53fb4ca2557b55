"""`whatsapp-mcp webhook`: which programs are told what happens."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp.catalog.near_miss import near_miss
from whatsapp_mcp.clock import from_ms, now, time_text
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.models.events import KEPT, USUAL, EventKind
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.webhooks.book import Webhook, WebhookBook
from whatsapp_mcp.webhooks.progress import Standing, read_progress

State = Literal["ok", "failing", "stopped"]


class ListedWebhook(BaseModel):
    """What may be told of a webhook. Times are RFC 3339, in UTC."""

    model_config = ConfigDict(frozen=True)

    name: str
    url: str
    """Without what can be a secret in it."""
    kinds: tuple[str, ...]
    chats: tuple[str, ...] | None = None
    """None: all that may be read."""
    reach: tuple[str, ...] = ()
    state: State = "ok"
    delivered: int = 0
    last_delivered: str | None = None
    refused: int = 0
    """Events that the receiver did not take."""
    failing_since: str | None = None
    error: str | None = None
    created: str | None = None


def add_webhook(
    settings: Settings,
    url: str,
    *,
    name: str | None = None,
    kinds: str | None = None,
    chats: tuple[str, ...] = (),
    reach: tuple[Literal["loopback", "private"], ...] = (),
) -> Webhook:
    """Make a webhook that is told what happens from now on.

    Raises:
        InvalidArgument: the URL, the name or a kind cannot be.
        SetupError: there is no such chat pattern, there is a webhook of this name, or the file cannot be used.
        StoreError: the store cannot be read.
    """
    from whatsapp_mcp.webhooks.posting import check_url

    book = WebhookBook(settings.webhooks_place)
    webhook = Webhook(name="new", id="", url=url, secret="", kinds=(), reach=reach)
    check_url(url, webhook.network)
    return book.add(
        name or _free_name(book, url),
        url,
        kinds=_kinds(kinds) if kinds is not None else USUAL,
        chats=chats or None,
        reach=reach,
        since=_newest(settings),
    )


def list_webhooks(settings: Settings) -> tuple[ListedWebhook, ...]:
    """Raises SetupError: the files cannot be read."""
    progress = read_progress(settings.webhook_progress_place)
    return tuple(
        _listed(one, progress.get(one.id, Standing())) for one in WebhookBook(settings.webhooks_place).webhooks()
    )


def remove_webhook(settings: Settings, name: str) -> None:
    """Raises NotFound, SetupError."""
    WebhookBook(settings.webhooks_place).remove(name)


def resume_webhook(settings: Settings, name: str, *, skips: bool) -> None:
    """Let a stopped webhook go on; ``skips``: without what waits. Raises NotFound, SetupError, StoreError."""
    WebhookBook(settings.webhooks_place).resume(name, since=_newest(settings) if skips else None)


def try_webhook(settings: Settings, name: str) -> tuple[bool, str]:
    """Send a signed request of type ``test``: whether it was taken, and what the receiver did.

    Raises:
        NotFound, SetupError.
    """
    import secrets

    import anyio

    from whatsapp_mcp.webhooks.posting import Poster, PostResult, PostVerdict
    from whatsapp_mcp.webhooks.signing import encoded

    webhook = WebhookBook(settings.webhooks_place).named(name)
    body = encoded({"type": "test", "timestamp": time_text(now()), "account": settings.account, "data": {}})

    async def post() -> PostResult:
        poster = Poster()
        try:
            return await poster.post(webhook, f"msg_{secrets.token_hex(16)}", body)
        finally:
            await poster.close()

    answer = anyio.run(post)
    return answer.verdict is PostVerdict.TAKEN, answer.said


def webhook_line(webhook: ListedWebhook) -> str:
    """For a terminal."""
    parts = [f"{webhook.name}: {webhook.url}", f"kinds {', '.join(webhook.kinds)}"]
    parts += [f"chats {', '.join(webhook.chats)}"] if webhook.chats is not None else []
    parts += [f"may be at {' and '.join(webhook.reach)} addresses"] if webhook.reach else []
    parts.append(standing_text(webhook))
    return "; ".join(parts)


def standing_text(webhook: ListedWebhook) -> str:
    """How it does, in a few words."""
    parts = []
    if webhook.state == "stopped":
        parts.append(f"STOPPED: {webhook.error}")
    elif webhook.state == "failing":
        parts.append(f"FAILING since {webhook.failing_since}: {webhook.error}")
    parts.append(f"{webhook.delivered} delivered" + (f", last {webhook.last_delivered}" if webhook.delivered else ""))
    parts += [f"{webhook.refused} refused"] if webhook.refused else []
    return ", ".join(parts)


def _listed(webhook: Webhook, standing: Standing) -> ListedWebhook:
    stopped = standing.stopped_at is not None and standing.resumed == webhook.resumed
    failing = standing.failing_since is not None and standing.resumed == webhook.resumed
    return ListedWebhook(
        name=webhook.name,
        url=shown_url(webhook.url),
        kinds=tuple(kind.value for kind in webhook.kinds),
        chats=webhook.chats,
        reach=webhook.reach,
        state="stopped" if stopped else "failing" if failing else "ok",
        delivered=standing.delivered,
        last_delivered=_text(standing.delivered_at),
        refused=standing.refused,
        failing_since=_text(standing.failing_since) if failing else None,
        error=standing.error if failing or stopped else None,
        created=_text(webhook.created or None),
    )


def shown_url(url: str) -> str:
    """Without the query, where receivers have their keys."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "…" if parts.query else "", ""))


def _kinds(text: str) -> tuple[EventKind, ...]:
    if text.strip() == "all":
        return KEPT
    known = {kind.value: kind for kind in KEPT}
    found = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    for name in found:
        if name not in known:
            meant = near_miss(name, list(known))
            raise InvalidArgument(
                f"--kinds: {name!r} is no kind of event" + (f" (did you mean {meant}?)" if meant else ""),
                next_step=f"Possible are all, {', '.join(known)}.",
            )
    if not found:
        raise InvalidArgument("--kinds: names none", next_step="Leave it out for the usual ones, or say all.")
    return tuple(known[name] for name in found)


def _free_name(book: WebhookBook, url: str) -> str:
    taken = {one.name for one in book.webhooks()}
    host = "".join(letter for letter in (urlsplit(url).hostname or "") if letter.isascii() and letter.isalnum())
    name = host[:24].lower() or "webhook"
    return next(one for one in (name, *(f"{name}-{number}" for number in range(2, 10_000))) if one not in taken)


def _newest(settings: Settings) -> int:
    reader = StoreReader(settings.store)
    try:
        return reader.newest_arrival()
    finally:
        reader.close()


def _text(milliseconds: int | None) -> str | None:
    return time_text(from_ms(milliseconds)) if milliseconds is not None else None
