"""`whatsapp-mcp token`: who may use the HTTP transport, and for what."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Final

from pydantic import BaseModel

from whatsapp_mcp.account_folder import accounts_in
from whatsapp_mcp.account_names import DEFAULT_ACCOUNT, account_name
from whatsapp_mcp.catalog import load_catalog, select
from whatsapp_mcp.clock import from_ms, local, now, time_text, to_ms
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.policy.caller import Grant, Scope
from whatsapp_mcp.policy.chats import ChatList
from whatsapp_mcp.policy.tokens import TokenBook
from whatsapp_mcp.settings import Settings

_SPAN: Final = re.compile(r"([1-9][0-9]{0,4})([hdw])")
_UNITS: Final = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class ListedToken(BaseModel):
    """What may be told of a token."""

    name: str
    scope: Scope
    accounts: tuple[str, ...] | None = None
    """None: all; so for chats and toolsets."""
    chats: tuple[str, ...] | None = None
    toolsets: str | None = None
    sends_per_day: int | None = None
    created: str | None = None
    expires: str | None = None
    """Times are RFC 3339, in UTC."""
    expired: bool = False
    last_used: str | None = None


def create_token(
    settings: Settings,
    name: str,
    *,
    scope: Scope,
    accounts: tuple[str, ...] = (),
    chats: tuple[str, ...] = (),
    toolsets: str | None = None,
    expires: str | None = None,
    sends_per_day: int | None = None,
) -> str:
    """Make a token; returns its secret, which is kept nowhere.

    Raises:
        InvalidArgument: there is no such account or time.
        SetupError: there is no such chat pattern or toolset, there is a token of this name, or the file cannot be used.
    """
    if chats:
        ChatList.parse(chats, ())
    if toolsets is not None:
        select(load_catalog(), toolsets)
    grant = Grant(
        name=name,
        scope=scope,
        accounts=tuple(_account(settings, account) for account in accounts) or None,
        chats=chats or None,
        toolsets=toolsets,
        sends_per_day=sends_per_day,
    )
    until = _moment(expires) if expires is not None else None
    return TokenBook.of(settings).create(name, grant, expires=until)


def list_tokens(settings: Settings) -> tuple[ListedToken, ...]:
    """Raises SetupError: the files cannot be read."""
    at = to_ms(now())
    return tuple(
        ListedToken(
            name=token.name,
            scope=token.scope,
            accounts=token.accounts,
            chats=token.chats,
            toolsets=token.toolsets,
            sends_per_day=token.sends_per_day,
            created=_text(token.created or None),
            expires=_text(token.expires),
            expired=not token.lasts(at),
            last_used=_text(used),
        )
        for token, used in TokenBook.of(settings).tokens()
    )


def token_line(token: ListedToken) -> str:
    """For a terminal."""
    parts = [f"{token.name}: {token.scope}"]
    parts += [f"accounts {', '.join(token.accounts)}"] if token.accounts is not None else []
    parts += [f"chats {', '.join(token.chats)}"] if token.chats is not None else []
    parts += [f"toolsets {token.toolsets}"] if token.toolsets is not None else []
    parts += [f"{token.sends_per_day} sends a day"] if token.sends_per_day is not None else []
    parts += [f"{'EXPIRED' if token.expired else 'expires'} {token.expires}"] if token.expires is not None else []
    parts.append(f"last used {token.last_used}" if token.last_used is not None else "never used")
    return "; ".join(parts)


def revoke_token(settings: Settings, name: str) -> None:
    """Raises NotFound, SetupError."""
    TokenBook.of(settings).revoke(name)


def _account(settings: Settings, text: str) -> str:
    try:
        name = account_name(text)
    except ValueError as error:
        raise InvalidArgument(f"--account: {error.args[0]}", next_step="Correct the name.") from None
    if name != DEFAULT_ACCOUNT and name not in accounts_in(settings.data_dir):
        raise InvalidArgument(
            f"--account: there is no account {name}", next_step="`whatsapp-mcp accounts` lists which there are."
        )
    return name


def _moment(text: str) -> int:
    """Milliseconds since 1970; a date is the end of that day, without a time zone it is that of this machine."""
    span = _SPAN.fullmatch(text.strip())
    try:
        if span is not None:
            moment = now() + int(span[1]) * _UNITS[span[2]]
        else:
            try:
                moment = local(datetime.combine(date.fromisoformat(text), time(23, 59, 59)))
            except ValueError:
                moment = local(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise InvalidArgument(
            f"--expires: {text!r} is no time", next_step="Write it as 12h, 30d, 4w, 2026-12-31 or 2026-12-31T18:30."
        ) from None
    if moment <= now():
        raise InvalidArgument(f"--expires: {text} is over already", next_step="Name a time to come.")
    return to_ms(moment)


def _text(milliseconds: int | None) -> str | None:
    return time_text(from_ms(milliseconds)) if milliseconds is not None else None
