"""What was done with an account: one line of JSON for each call, in a file that only grows. docs/audit.md says which
fields it has.

All servers of an account write into the same file: each line is one write to its end, which the system does in one
piece. No text that other people wrote goes in, but the name of the host.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring_ascii as _quoted
from typing import Final, Literal, Protocol

from whatsapp_mcp.clock import from_ms, now_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.policy.audit_file import AuditFile
from whatsapp_mcp.policy.rules import Audit
from whatsapp_mcp.untrusted_text import clean_text, is_plain_id
from whatsapp_mcp.whereabouts import PostgresSchema, Whereabouts

PATIENCE: Final = 0.001
"""Seconds that a line may hold a call up. After one that took longer, a thread writes the next ones until the disk is
quick again."""
MOST_WAITING: Final = 4 << 20
"""Bytes of lines that wait for a slow disk; what comes on top is lost, and counted."""
MOST_LISTED: Final = 50
"""Chats or ids of one line."""
LONGEST_BODY: Final = 65_536
"""Characters, as many as WhatsApp allows."""
LONGEST_NAME: Final = 80
"""Characters of a host's name and version, or of a token's name."""
_SOON: Final = 0.02
"""Seconds after which the lines of what only looked are written: its answer does not wait for them, and many go in one
write. To wake up for each call alone takes as long as all else that a call costs here."""
_RULES_HOLD: Final = 1.0
"""Seconds."""
_IDLE: Final = 2.0
"""Seconds after which the thread ends, and the next line is written by its call again."""
_ENDING: Final = 2.0
"""Seconds that the end of a server waits for a slow disk."""

logger = logging.getLogger(__name__)


class AuditDecision(StrEnum):
    """What became of a call."""

    ALLOWED = "allowed"
    ASKED = "asked"
    """The question went to the host, and there is no answer yet; it comes with another call."""
    ASKED_YES = "asked_yes"
    """The owner was asked in the host, and agreed."""
    ASKED_ALWAYS = "asked_always"
    """The same, for all later calls of this kind to this chat."""
    APPROVED = "approved"
    """By a code, outside the host."""
    REFUSED = "refused"
    RATE_LIMITED = "rate_limited"
    CONFIRMATION_NEEDED = "confirmation_needed"
    """The host cannot ask: a code waits for its approval."""
    FAILED = "failed"
    """It was allowed, and did not succeed."""


@dataclass(slots=True)
class AuditRecord:
    """One call that has ended. Not frozen: to make a frozen one takes as long as to write its line."""

    at: int
    """When it began, milliseconds since 1970."""
    host: str
    """Name and version of the host program, as it says."""
    grant: str
    """Name of the token, or ``local``."""
    transport: Literal["stdio", "http", "terminal", "webhook"]
    conversation: int
    """Number of the MCP session in this process."""
    operation: str
    decision: AuditDecision
    duration_ms: float
    """Of the whole call, with the time that the owner took to answer."""
    chats: tuple[Jid, ...] = ()
    ids: tuple[str, ...] = ()
    """Of messages; those that no client of WhatsApp makes are written as ``?``, since their senders choose them."""
    rule: str | None = None
    """Which one decided, or asked."""
    error: str | None = None
    """Code of the error that the call ended with."""
    bytes_in: int = 0
    bytes_out: int = 0
    """Arguments and result, as JSON."""
    body: str | None = None
    """The text that was sent; written only when the policy says so."""


class KeptLines(Protocol):
    """A file (``audit_file``) or a table (``audit_table``)."""

    waits: bool

    def append(self, lines: bytes) -> None: ...
    def keep_small(self, size: int, files: int) -> None: ...
    def close(self) -> None: ...


def lines_at(where: Whereabouts) -> KeptLines:
    if isinstance(where, PostgresSchema):
        from whatsapp_mcp.policy.audit_table import AuditTable

        return AuditTable(where)
    return AuditFile(where)


class AuditLog:
    """``audit.jsonl`` of an account, or its table in PostgreSQL. To be used from one thread; nothing here raises."""

    def __init__(self, where: Whereabouts, rules: Callable[[], Audit], *, patience: float = PATIENCE) -> None:
        """``rules``: what the policy says now; asked once a second."""
        self._file = lines_at(where)
        self._rules = rules
        self._known = Audit()
        self._asked = float("-inf")
        self._patience = patience
        self._changed = threading.Condition()
        self._waiting: list[bytes] = []
        self._room = MOST_WAITING
        self._thread: threading.Thread | None = None
        self._ending = False
        self._lost = 0
        self._failing = False
        self._soon: list[Callable[[], AuditRecord]] = []

    def write(self, *records: AuditRecord) -> None:
        """Write a line for each, after those that were to come soon. They are the system's when this returns, so that
        they survive the end of this process, unless the disk is slow, or it is a table: then they soon will be.
        """
        rules = self._known_rules()
        soon, self._soon = self._soon, []
        lines = [_line(record, bodies=rules.bodies) for record in (*(make() for make in soon), *records)]
        if not self._put_off(lines):
            if self._file.waits:
                self._begin(lines)
            elif self._append(*lines) > self._patience:
                self._begin(())
        self._file.keep_small(rules.file_mib << 20, rules.files)

    def _begin(self, lines: Sequence[bytes]) -> None:
        """From now on a thread writes, these lines first."""
        with self._changed:
            self._waiting.extend(lines)
            self._room -= sum(map(len, lines))
            self._thread = threading.Thread(target=self._drain, name="audit", daemon=True)
            self._thread.start()

    def write_soon(self, make: Callable[[], AuditRecord]) -> None:
        """Make a record and write its line within some milliseconds, when the event loop comes to it; the end of this
        process by force can take it.
        """
        if not self._soon:
            asyncio.get_running_loop().call_later(_SOON, self._write_those)
        self._soon.append(make)

    def _write_those(self) -> None:
        if self._soon:
            self.write()

    def close(self) -> None:
        """Write what waits, and let go of the file."""
        self._write_those()
        with self._changed:
            self._ending = True
            self._changed.notify()
            thread = self._thread
        if thread is not None:
            thread.join(_ENDING)
            if thread.is_alive():
                return  # it still has the file
        self._file.close()

    def _known_rules(self) -> Audit:
        """To look at the policy's file takes as long as to write a line."""
        moment = time.monotonic()
        if moment - self._asked > _RULES_HOLD:
            self._known, self._asked = self._rules(), moment
        return self._known

    def _put_off(self, lines: list[bytes]) -> bool:
        """Whether a thread writes now, or counts as lost what there is no room for."""
        if self._thread is None:  # only this thread starts it
            return False
        with self._changed:
            if self._thread is None:
                return False
            for line in lines:
                if len(line) <= self._room:
                    self._waiting.append(line)
                    self._room -= len(line)
                else:
                    self._lost += 1
            self._changed.notify()
            return True

    def _drain(self) -> None:
        """Write what waits, until the disk is quick or nothing comes any more."""
        took = self._patience + 1
        while True:
            with self._changed:
                if not self._waiting and took > self._patience and not self._ending:
                    self._changed.wait(_IDLE)
                if not self._waiting:
                    self._thread = None
                    if self._file.waits:  # its connection is worth more than that the next line finds one
                        self._file.close()
                    return
                lines = tuple(self._waiting)
                self._waiting.clear()
                self._room = MOST_WAITING
            took = self._append(*lines)

    def _append(self, *lines: bytes) -> float:
        """Returns the seconds that it took."""
        began = time.perf_counter()
        lost = self._lost
        try:
            self._file.append(b"".join((_lost_line(lost), *lines) if lost else lines))
        except OSError as error:
            self._count(len(lines))
            if not self._failing:
                self._failing = True
                logger.warning("the audit %s cannot be written: %s", self._file, error.strerror)
        else:
            self._failing = False
            if lost:
                self._count(-lost)
        return time.perf_counter() - began

    def _count(self, lost: int) -> None:
        with self._changed:
            self._lost += lost


def _line(record: AuditRecord, *, bodies: bool) -> bytes:
    """ASCII only: nothing in the file is obeyed or reordered by a terminal. Written by hand, since an encoder of whole
    objects takes longer than all the rest.
    """
    parts = [f'{{"time":"{_time(record.at)}",{_caller(record.host, record.grant, record.transport, os.getpid())}']
    parts.append(f'"conversation":{record.conversation},"operation":{_quoted(record.operation)}')
    if record.chats:
        parts.append(f'"chats":{_list([str(chat) for chat in record.chats[:MOST_LISTED]])}')
    if record.ids:
        parts.append(f'"ids":{_list([each if is_plain_id(each) else "?" for each in record.ids[:MOST_LISTED]])}')
    left_out = max(len(record.chats), len(record.ids)) - MOST_LISTED
    if left_out > 0:
        parts.append(f'"left_out":{left_out}')
    parts.append(f'"decision":"{record.decision.value}"')
    if record.rule is not None:
        parts.append(f'"rule":{_quoted(record.rule)}')
    if record.error is not None:
        parts.append(f'"error":{_quoted(record.error)}')
    parts.append(f'"ms":{record.duration_ms:.1f},"in":{record.bytes_in},"out":{record.bytes_out}')
    if bodies and record.body is not None:
        parts.append(f'"body":{_quoted(record.body[:LONGEST_BODY])}')
    return f"{','.join(parts)}}}\n".encode("ascii")


def _list(texts: list[str]) -> str:
    """Of texts that need no escapes."""
    return '["' + '","'.join(texts) + '"]'


def _lost_line(lost: int) -> bytes:
    return f'{{"time":"{_time(now_ms())}","lost":{lost}}}\n'.encode("ascii")


def _time(at: int) -> str:
    seconds, milliseconds = divmod(at, 1_000)
    return f"{_second(seconds)}.{milliseconds:03}Z"


@lru_cache(4)
def _second(seconds: int) -> str:
    return f"{from_ms(seconds * 1_000):%Y-%m-%dT%H:%M:%S}"


@lru_cache(64)
def _caller(host: str, grant: str, transport: str, process: int) -> str:
    client, token = (_quoted(clean_text(" ".join(text.split()), LONGEST_NAME)) for text in (host, grant))
    return f'"client":{client},"grant":{token},"transport":{_quoted(transport)},"pid":{process}'
