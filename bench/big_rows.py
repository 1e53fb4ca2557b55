"""A page of rows without end, as a store of before may hold them: 100 polls of 20,000 options, over stdio.

Floor of the page: a page of plain messages. Floor of a call beside it: the same call when nothing else is going on.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from bench.calls import NOTHING_SERVER
from bench.mcp_host import Host, environment, hosting
from bench.memory import peak
from bench.row import Row, median
from bench.turns import turns
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.models.changes import MessageReceived
from whatsapp_mcp.models.content import Content, MessageKind
from whatsapp_mcp.store.write.writer import StoreWriter

__all__ = ["measure"]

PLAIN, POLLS = Jid("12025550100", USER), Jid("12025550101", USER)
MESSAGES: Final = 100
OPTIONS: Final = 20_000
FIRST: Final = 1_780_000_000_000
ROUNDS, SECONDS = 20, 10.0
AT_MOST: Final = 500.0
BESIDE_AT_MOST: Final = 50.0
RATIO: Final = 40.0
BESIDE_RATIO: Final = 15.0
MEMORY_AT_MOST: Final = 300.0


async def measure() -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder)
        await asyncio.to_thread(_fill, home / "data" / "default" / "messages.db")
        async with hosting(NOTHING_SERVER, environment(home)) as host:
            return await _measured(host)


def _fill(path: Path) -> None:
    path.parent.mkdir(parents=True, mode=0o700)
    writer = StoreWriter(path)
    for chat, content in (
        (PLAIN, Content(MessageKind.TEXT, "Shall we meet at eight?")),
        (POLLS, Content(MessageKind.POLL, "When?")),
    ):
        writer.apply(
            [
                MessageReceived(id=f"{chat.user}-{n}", chat=chat, sender=chat, timestamp=FIRST + n, content=content)
                for n in range(MESSAGES)
            ]
        )
    writer.close()
    # No sender gets a message like this through any more.
    endless = json.dumps({"options": [f"option {number}" for number in range(OPTIONS)]})
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE messages SET extra = ? WHERE kind = 'poll'", (endless,))


async def _measured(host: Host) -> list[Row]:
    plain: list[float] = []
    polls: list[float] = []
    alone: list[float] = []
    beside: list[float] = []
    for counts in turns(ROUNDS, seconds=SECONDS, warm_up=2):
        floor = (await host.call("getChatMessages", _page(PLAIN))).seconds * 1000
        quiet = (await host.call("listChats")).seconds * 1000
        began = time.monotonic()
        number = host.program.begin("tools/call", {"name": "getChatMessages", "arguments": _page(POLLS)})
        meanwhile = []
        while number not in host.program.overtaken:
            meanwhile.append((await host.call("listChats")).seconds * 1000)
        took = (time.monotonic() - began) * 1000
        if counts:
            plain.append(floor)
            alone.append(quiet)
            polls.append(took)
            beside.append(max(meanwhile))
    return [
        Row(
            f"page of {MESSAGES} polls, {OPTIONS:,} options",
            median(polls),
            "ms",
            median(plain),
            AT_MOST,
            ratio_at_most=RATIO,
        ),
        Row("slowest call beside it", median(beside), "ms", median(alone), BESIDE_AT_MOST, ratio_at_most=BESIDE_RATIO),
        Row("memory of the server then, at most", peak(host.program.pid), "MiB", at_most=MEMORY_AT_MOST),
    ]


def _page(chat: Jid) -> dict[str, Any]:
    return {"chat_jid": str(chat), "limit": MESSAGES}
