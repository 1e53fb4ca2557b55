"""Live messages at a rate that no account has, for a minute: how far the session process falls behind.

They are events of neonize's, made beforehand, and take the whole way that is ours: the journal, the protobuf read, the
store with its search index and what programs wait for, in the store's thread, while this one hands over what is due.
Of each message counts the time from the moment at which it was due until the commit that holds it. Budget: a second,
in which nobody notices that something is late; who falls behind is beyond it after some seconds, for the delay grows
with each. Measured only when it is named, since it takes a minute.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from bisect import bisect_left
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from bench.as_events import as_event
from bench.generate import LID_OF_OURS, NUMBER_OF_OURS, History
from bench.memory import MEBIBYTE
from bench.program import BenchError
from bench.row import Row, quantile
from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.pipe.lines import Notice, Stored
from whatsapp_mcp.store.engine.sqlite.files import journal_path
from whatsapp_mcp.whatsapp.account import Account
from whatsapp_mcp.whatsapp.client import Client, EventCode
from whatsapp_mcp.worker.intake import Intake

__all__ = ["TIMEOUT", "measure"]

RATE: Final = 5_000
"""Messages a second."""
SECONDS: Final = 60.0
TIMEOUT: Final = 300.0
"""Seconds that measuring may take; a store that is half as quick as it has to be is still measured."""
MADE: Final = 10_000
WAIT: Final = 0.005
AT_MOST: Final = 1_000.0
JOURNAL_AT_MOST: Final = 16.0
"""MiB. Nothing is left in the journal that is stored; two seconds of this rate have 4."""


class _Commit(NamedTuple):
    arrival: int
    """The newest that is in it."""
    at: float


async def measure() -> list[Row]:
    total = int(RATE * SECONDS)
    events = await _events(total)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return await _measured(Path(folder) / "messages.db", events)


async def _events(total: int) -> list[bytes]:
    """With ids in their order."""
    made = [change for change in History().changes(MADE) if isinstance(change, MessageReceived)]
    start, events = now_ms(), []
    for number in range(total):
        timestamp = start + int(1000 * number / RATE)
        events.append(as_event(made[number % len(made)], message_id=f"{number:020X}", timestamp=timestamp))
        if number % 1000 == 0:
            await asyncio.sleep(0)  # so that Ctrl-C is seen
    return events


async def _measured(path: Path, events: list[bytes]) -> list[Row]:
    commits: list[_Commit] = []

    def tell(notice: Notice) -> None:
        if isinstance(notice, Stored):
            commits.append(_Commit(notice.newest_arrival, time.monotonic()))

    account = Account(Client(path.with_name("session.db")))  # never started
    intake = Intake(path, account, tell=tell, later=lambda _seconds, _work: None)
    intake.recover([])
    intake.store.run_now(lambda writer: writer.set_owner(NUMBER_OF_OURS, LID_OF_OURS))
    began, busy = time.monotonic(), time.process_time()
    journal = await _hand_over(intake, journal_path(path), events, began)
    if not await asyncio.to_thread(intake.store.close, TIMEOUT):
        raise BenchError(f"what was handed over is not stored after {TIMEOUT:g} s")
    seconds, busy = time.monotonic() - began, time.process_time() - busy
    delays = _delays(path, commits, began)
    if len(delays) != len(events):
        raise BenchError(f"{len(delays):,} of {len(events):,} messages are in the store")
    note = (
        f"p50 {quantile(delays, 0.5):.0f} ms, of the last one {delays[-1]:.0f} ms; {len(commits):,} commits;"
        f" {busy / seconds:.0%} of a core"
    )
    name = f"{RATE:,} messages/s for {SECONDS:.0f} s"
    return [
        Row(f"{name}, delay, p99", quantile(delays, 0.99), "ms", at_most=AT_MOST, note=note),
        Row(f"{name}, journal, at most", journal / MEBIBYTE, "MiB", at_most=JOURNAL_AT_MOST),
    ]


async def _hand_over(intake: Intake, journal: Path, events: list[bytes], began: float) -> float:
    """Each when it is due; KiB that the journal had at most."""
    largest, done = 0.0, 0
    while done < len(events):
        due = min(len(events), int((time.monotonic() - began) * RATE))
        for event in events[done:due]:
            intake.event(EventCode.MESSAGE, event)
        done = due
        largest = max(largest, _size(journal))
        await asyncio.sleep(WAIT)
    return largest


def _size(path: Path) -> float:
    """KiB."""
    return path.stat().st_size / 1024


def _delays(path: Path, commits: list[_Commit], began: float) -> list[float]:
    """Of each message, in its order, milliseconds from the moment at which it was due."""
    with closing(sqlite3.connect(path)) as connection:
        arrivals = [arrival for (arrival,) in connection.execute("SELECT arrival FROM messages ORDER BY id")]
    known = [commit.arrival for commit in commits]
    stored = [commits[bisect_left(known, arrival)].at for arrival in arrivals]
    return [(at - began - number / RATE) * 1000 for number, at in enumerate(stored)]
