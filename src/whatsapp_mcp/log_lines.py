"""The log of every process: one record, one line.

What is logged can quote names, ids and error texts that other people chose. Hosts keep the log, and people read it in
terminals: no record may look like two, end early, or be obeyed by a terminal.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal

from whatsapp_mcp.untrusted_text import escaped

RECORD_LIMIT: Final = 4_000
"""Characters of a record without its traceback; at level DEBUG whole stanzas are logged."""
TRACEBACK_LIMIT: Final = 12_000
"""Characters of a traceback, of which the end is shown: there is what failed."""
INDENT: Final = "    | "
"""What each further line of a record begins with; a record begins with its time and level."""

ALIKE: Final = 30
"""Warnings and errors of one kind that are logged in a minute."""

_MINUTE: Final = 60.0
_KINDS: Final = 1_000
_SHORTENED: Final = "… [shortened]"

logger = logging.getLogger("whatsapp_mcp")


Form = Literal["text", "json"]

_ABOUT: Final[ContextVar[Mapping[str, str] | None]] = ContextVar("what is being done", default=None)


@contextmanager
def about(**facts: str) -> Iterator[None]:
    """What is logged inside, by this task and whatever it begins, is about this: ``account``, ``client``, ``tool``."""
    token = _ABOUT.set({**(_ABOUT.get() or {}), **facts})
    try:
        yield
    finally:
        _ABOUT.reset(token)


def start_logging(level: str | None = None, form: Form | None = None) -> None:
    """Log to stderr: warnings of everybody, and what is of ``level`` of this program. Uncaught exceptions are logged
    too, because Python would print their texts as they are.
    """
    if level is not None:
        logger.setLevel(level.upper())
    if form == "json":
        for known in logging.root.handlers:
            if type(known.formatter) is LineFormatter:
                known.setFormatter(JsonFormatter())
    if logging.root.handlers:  # started before, or by the program that loaded this one
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else LineFormatter())
    handler.addFilter(AlikeFilter())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_end_of_thread
    sys.unraisablehook = _log_unraisable


def tell(text: str) -> None:
    """A line for whoever started the program, whatever the level is: as it is, or a record where all lines are."""
    handlers = [each for each in logging.root.handlers if isinstance(each.formatter, JsonFormatter)]
    for handler in handlers:
        handler.handle(logger.makeRecord(logger.name, logging.INFO, "", 0, text, (), None))
    if not handlers:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()


class AlikeFilter(logging.Filter):
    """Lets through ``ALIKE`` warnings or errors of a kind in a minute, and says how many it left out.

    People who write to the account, and programs that reach the HTTP port, can cause as many as they like. A kind is
    a place in the program: a logger and a message before it is filled in.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._seen: dict[tuple[str, int, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True  # somebody asked for it
        now = self._now()
        kind = (record.name, record.levelno, str(record.msg)[:RECORD_LIMIT])
        since, count = self._seen.get(kind, (now, 0))
        left_out = 0
        if now - since >= _MINUTE:
            since, left_out, count = now, max(0, count - ALIKE), 0
        if len(self._seen) >= _KINDS and kind not in self._seen:
            self._seen = {each: seen for each, seen in self._seen.items() if now - seen[0] < _MINUTE}
            if len(self._seen) >= _KINDS:
                return False
        self._seen[kind] = (since, count + 1)
        if count >= ALIKE:
            return False
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} more like it were left out before)", None
        return True


_CODE: Final = re.compile(r"\b[12]@[^\s,\"]+(?:,[A-Za-z0-9+/]{8,}={0,2}){2,}")
"""What a QR code says (whatsmeow: pair.go): whoever has it can link in the account's place while it is shown."""
_NUMBER: Final = re.compile(
    r"\d{5,20}(?=(?:[.:_]\d{1,4}){0,2}@)"  # of an address
    r"|\+\d{7,15}(?!\w)"
    r'|(?<![\w.])(?<!\bt=")\d{10,15}(?![\w.])'  # t: the time of a stanza
)
_SHOWN: Final = 2


def masked(text: str) -> str:
    """Without phone numbers, but for the last digits, by which an owner knows which is meant, and without QR codes."""
    return _NUMBER.sub(lambda found: f"…{found[0][-_SHOWN:]}", _CODE.sub("[QR code]", text))


class LineFormatter(logging.Formatter):
    """``TIME LEVEL logger: message`` on one line, whatever is in it, numbers masked; a traceback below it, each line
    behind ``INDENT``. The time is UTC."""

    def format(self, record: logging.LogRecord) -> str:
        head = f"{_time_of(record)} {record.levelname} {record.name}: {masked(_message_of(record))}"
        return "\n".join([escaped(head), *(f"{INDENT}{line}" for line in self._below(record))])

    def _below(self, record: logging.LogRecord) -> list[str]:
        """Lines of the traceback, if there is one."""
        traceback = self.formatException(record.exc_info) if record.exc_info else record.exc_text or ""
        stack = self.formatStack(record.stack_info) if record.stack_info else ""
        text = f"{traceback}\n{stack}"
        text = text if len(text) <= TRACEBACK_LIMIT else f"{_SHORTENED}\n{text[-TRACEBACK_LIMIT:]}"
        return [escaped(line) for line in masked(text).split("\n") if line]


class JsonFormatter(LineFormatter):
    """One object a line: ``time``, ``level``, ``logger``, ``message``, ``traceback`` where there is one, and what it
    is about where that is known. Readers of logs show the texts as they are: nothing in them is obeyed either."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _time_of(record),
            "level": record.levelname,
            "logger": record.name,
            "message": escaped(masked(_message_of(record))),
            **{name: escaped(masked(value)) for name, value in (_ABOUT.get() or {}).items()},
        }
        if below := self._below(record):
            entry["traceback"] = "\n".join(below)
        return json.dumps(entry, ensure_ascii=False)


def _time_of(record: logging.LogRecord) -> str:
    return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _message_of(record: logging.LogRecord) -> str:
    try:
        message = record.getMessage()
    except Exception as error:  # the arguments do not fit the message
        message = f"{record.msg} (cannot be filled in: {type(error).__name__})"
    return _start(message, RECORD_LIMIT)


def _start(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[:limit]}{_SHORTENED}"


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    else:
        logger.critical("ended by an unforeseen error", exc_info=(kind, error, traceback))


def _log_end_of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not issubclass(ended.exc_type, SystemExit):
        name = ended.thread.name if ended.thread is not None else "unknown"
        found = (ended.exc_type, ended.exc_value, ended.exc_traceback)
        logger.error("the thread %s was ended by an unforeseen error", name, exc_info=found)


def _log_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    if unraisable.exc_value is not None:
        found = (unraisable.exc_type, unraisable.exc_value, unraisable.exc_traceback)
        logger.error("an error where none can be raised", exc_info=found)
