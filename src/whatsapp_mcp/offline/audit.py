"""`whatsapp-mcp audit`: what was done with an account, by whom, and who allowed it. Only reads."""

from __future__ import annotations

import json
import re
import textwrap
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Final

from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.catalog.near_miss import near_miss
from whatsapp_mcp.clock import local, now
from whatsapp_mcp.errors import InvalidArgument, SetupError
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.offline.export.choice import addresses, chosen_chats, chosen_span
from whatsapp_mcp.policy.audit_entries import AuditEntry, audit_entries
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.search.span import Span
from whatsapp_mcp.untrusted_text import escaped
from whatsapp_mcp.whereabouts import Whereabouts

_AGO: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_WIDE: Final = 72
"""Columns from which on a call is shown in columns."""


@dataclass(frozen=True, slots=True)
class AuditChoice:
    """Which calls are shown."""

    span: Span
    operation: str | None
    chats: frozenset[str]
    """JIDs; empty: all."""
    client: str
    decision: str | None

    def fits(self, entry: AuditEntry) -> bool:
        start, end = self.span.start, self.span.end
        if (start and entry.time < start) or (end and entry.time >= end + timedelta(seconds=1)):
            return False
        if "lost" in entry.fields:
            return True
        who = f"{entry.text('client')} {entry.text('grant')}".casefold()
        return (
            self.operation in (None, entry.text("operation"))
            and self.decision in (None, entry.text("decision"))
            and self.client.casefold() in who
            and (not self.chats or not self.chats.isdisjoint(entry.texts("chats")))
        )


def chosen_calls(
    settings: Settings,
    *,
    since: str | None = None,
    until: str | None = None,
    operation: str | None = None,
    chat: str | None = None,
    client: str | None = None,
    decision: str | None = None,
) -> AuditChoice:
    """
    Args:
        since, until: times and dates as of `export`, or how long ago: ``30m``, ``2h``, ``7d``.
        chat: JID, number, or exact name of a chat in the store.
        client: part of the name of a host or token.

    Raises:
        InvalidArgument, NotFound, AmbiguousRecipient: a value that cannot be; the message names the option.
    """
    return AuditChoice(
        span=chosen_span(_moment(since), _moment(until)),
        operation=_operation(operation) if operation else None,
        chats=_chats(settings.store, chat.strip()) if chat else frozenset(),
        client=client or "",
        decision=decision,
    )


def read_calls(where: Whereabouts, choice: AuditChoice, *, limit: int, follow: bool) -> Iterator[AuditEntry]:
    """The newest ``limit`` calls (0: all), the oldest of them first; with ``follow``, then those that come.

    Raises:
        SetupError: a file cannot be read.
        StoreError: the database cannot be read.
    """
    try:
        seen = 0
        newest: deque[AuditEntry] = deque(maxlen=limit or None)
        for entry in audit_entries(where):
            seen += 1
            if choice.fits(entry):
                newest.append(entry)
        yield from newest
        if follow:
            yield from filter(choice.fits, islice(audit_entries(where, follow=True), seen, None))
    except OSError as error:
        raise SetupError(
            f"the audit {error.filename or where} cannot be read: {error.strerror}",
            next_step="Run this command as the server's user.",
        ) from error


def _moment(text: str | None) -> str | None:
    ago = _AGO.fullmatch(text.strip()) if text else None
    if ago is None:
        return text
    try:
        return (now() - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])).isoformat()
    except OverflowError:
        return text


def _operation(name: str) -> str:
    known = [operation.name for operation in load_catalog().operations]
    if name in known:
        return name
    meant = near_miss(name, known)
    raise InvalidArgument(
        f"--operation: there is no operation {name!r}",
        field="--operation",
        next_step=f"Did you mean {meant}?" if meant else "docs/tools.md lists them.",
    )


def _chats(store: Whereabouts, text: str) -> frozenset[str]:
    found = [str(jid) for jid in addresses(text)]
    if not found:
        with closing(StoreReader(store)) as reader:
            found = [str(jid) for jid in chosen_chats(reader, [text])]
    return frozenset(found)


class AuditText:
    """Calls as lines that fit a terminal: a heading where the caller changes, and its calls below."""

    def __init__(self, width: int) -> None:
        self._width = max(20, width)
        self._caller = ""

    def lines(self, entry: AuditEntry) -> Iterator[str]:
        when = f"{local(entry.time):%Y-%m-%d %H:%M:%S}"
        if "lost" in entry.fields:
            yield from self._wrapped(f"{when} {entry.text('lost')} calls could not be written down", "  ")
            return
        caller = f"{entry.text('client') or 'a host without a name'}, {entry.text('grant')} ({entry.text('transport')})"
        if caller != self._caller:
            self._caller = caller
            yield from self._wrapped(escaped(caller), "")
        reasons = [entry.text("decision"), *filter(None, (entry.text("rule"), entry.text("error")))]
        chats = ", ".join(map(_short, entry.texts("chats")))
        if self._width >= _WIDE:
            row = f"  {when}  {entry.text('operation'):<22} {', '.join(reasons):<12} {chats}"
            yield from self._wrapped(escaped(row.rstrip()), " " * 23)
        else:
            row = f"  {when} {entry.text('operation')} {', '.join(reasons)} {chats}"
            yield from self._wrapped(escaped(row.rstrip()), "    ")

    def _wrapped(self, line: str, indent: str) -> Iterator[str]:
        if len(line) <= self._width and line.isascii():
            yield line
            return
        # Characters that take two columns: there is room for all of them.
        width = self._width if line.isascii() else self._width // 2
        yield from textwrap.wrap(line, max(width, len(indent) + 8), subsequent_indent=indent)


def _short(chat: str) -> str:
    try:
        jid = Jid.parse(chat)
    except ValueError:
        return chat
    return f"+{jid.user}" if jid.server == USER else chat


def entry_json(entry: AuditEntry) -> str:
    """As it was written: ASCII, on one line."""
    return json.dumps(entry.fields, separators=(",", ":"))
