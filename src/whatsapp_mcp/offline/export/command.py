"""From options to messages in a file or on standard output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from whatsapp_mcp.errors import NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.offline.export.choice import chosen_chats, chosen_span
from whatsapp_mcp.offline.export.output import new_file
from whatsapp_mcp.offline.export.rows import json_line
from whatsapp_mcp.offline.export.transcript import transcript
from whatsapp_mcp.store.read.exporting import ExportedMessage, exported_messages
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.search.span import Span
from whatsapp_mcp.waiting import Wait, waits_for
from whatsapp_mcp.whereabouts import Whereabouts


class Format(StrEnum):
    JSONL = "jsonl"
    """One JSON object a line, with all that is known of a message."""
    TEXT = "text"
    """To be read by people."""


def run_export(
    store: Whereabouts,
    stdout: BinaryIO | None,
    *,
    chats: Sequence[str] = (),
    since: str | None = None,
    until: str | None = None,
    form: Format = Format.JSONL,
    output: Path | None = None,
    force: bool = False,
) -> str | None:
    """Write messages to ``output``, or to ``stdout`` without one; one of them is there.

    Args:
        chats: JIDs, numbers or exact names; all chats when empty.
        since, until: dates or times, both inclusive.

    Returns:
        What was written, for a person; None when it went to ``stdout``.

    Raises:
        NotFound, AmbiguousRecipient: no store yet, or a name that fits no chat or several.
        InvalidArgument: a time that cannot be read.
        StoreError: the store cannot be read.
        SetupError: ``output`` cannot be written.
        OSError: ``stdout`` cannot be written to.
    """
    span = chosen_span(since, until)
    jids, total = _chosen(store, chats, span)
    counter = _Counter()
    with waits_for("writing messages", total=total, unit="messages") as wait:
        messages = counter.counted(exported_messages(store, jids, span), wait)
        if output is None:
            assert stdout is not None
            _write(messages, form, stdout)
            return None
        with new_file(output, replace=force) as file:
            _write(messages, form, file)
    written = f"{counter.messages:,} message" + ("s" if counter.messages != 1 else "")
    return f"{written} written to {output}"


def _chosen(store: Whereabouts, chats: Sequence[str], span: Span) -> tuple[Sequence[Jid] | None, int]:
    """Of which chats messages are written, None for all, and how many that are; 0 where that is not known."""
    with closing(StoreReader(store)) as reader:
        if reader.stats().schema_version == 0:
            raise NotFound(
                f"there is no message store at {store} yet",
                next_step="Link an account first (`whatsapp-mcp status` shows what there is), or choose --data-dir.",
            )
        if chats:
            return chosen_chats(reader, chats), 0
        return None, reader.stats().messages if span == Span() else 0


def _write(messages: Iterable[ExportedMessage], form: Format, file: BinaryIO) -> None:
    parts = map(json_line, messages) if form is Format.JSONL else transcript(messages)
    for part in parts:
        file.write(part.encode())
    file.flush()


class _Counter:
    def __init__(self) -> None:
        self.messages = 0

    def counted(self, messages: Iterable[ExportedMessage], wait: Wait) -> Iterator[ExportedMessage]:
        for message in messages:
            self.messages += 1
            wait.done = self.messages
            yield message
