"""What the audit costs: one line by itself, and a trivial call over stdio with and without it (`silent_server.py`)."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Final

from bench import nothing_server
from bench.calls import NOTHING_SERVER
from bench.mcp_host import environment, hosting
from bench.row import Row, median, quantile
from bench.turns import turns
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.policy.audit import AuditDecision, AuditLog, AuditRecord
from whatsapp_mcp.policy.rules import Audit

__all__ = ["measure"]

SILENT_SERVER: Final = ("-m", "bench.silent_server")
LINES: Final = 5_000
WARM_UP, ROUNDS, SECONDS = 50, 1_000, 12.0
AT_MOST: Final = 20.0
RATIO: Final = 1.05


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home, silent = Path(folder) / "home", Path(folder) / "silent"
        home.mkdir()
        silent.mkdir()
        return [_line(Path(folder) / "audit.jsonl"), await _call(home, silent)]


def _line(path: Path) -> Row:
    rules = Audit()
    log = AuditLog(path, lambda: rules)
    record = AuditRecord(
        at=1_793_455_200_042,
        host="claude-ai 0.1.0",
        grant="local",
        transport="stdio",
        conversation=1,
        operation="sendMessage",
        decision=AuditDecision.ALLOWED,
        duration_ms=12.3,
        chats=(Jid("4915112345678", "s.whatsapp.net"),),
        ids=("3EB0C767D097B7C7C030",),
    )
    taken = []
    for _ in range(LINES):
        began = time.perf_counter()
        log.write(record)
        taken.append((time.perf_counter() - began) * 1_000_000)
    log.close()
    return Row("audit, one line", median(taken), "µs", at_most=AT_MOST, note=f"p99 {quantile(taken, 0.99):.0f} µs")


async def _call(home: Path, silent: Path) -> Row:
    ours: list[float] = []
    floor: list[float] = []
    async with hosting(NOTHING_SERVER, environment(home)) as host, hosting(SILENT_SERVER, environment(silent)) as other:
        both = [(host, ours), (other, floor)]
        for counts in turns(ROUNDS, seconds=SECONDS, warm_up=WARM_UP):
            for server, times in both:
                called = await server.call(nothing_server.NAME)
                if counts:
                    times.append(called.seconds * 1_000)
            both.reverse()  # neither is always the first
    return Row("trivial call with audit, floor: without", median(ours), "ms", median(floor), ratio_at_most=RATIO)
