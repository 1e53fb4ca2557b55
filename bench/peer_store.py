"""The store of a peer, written as its own bridge would write it.

The peers meant are the relatives of ``lharries/whatsapp-mcp``: a bridge in Go that writes ``messages.db``, and a server
in Python beside it that reads it. The tables are made with the statements in the checkout's Go sources, so that the
indexes are the peer's, too; nothing of a peer is part of this project.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench.generate import BATCH, History, batches
from bench.program import BenchError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change, MessageReceived
from whatsapp_mcp.models.content import MessageKind

__all__ = ["SERVER", "PeerNames", "peer_copy", "write_peer_store"]

SERVER: Final = Path("whatsapp-mcp-server")
BRIDGE: Final = Path("whatsapp-bridge")

_CREATE: Final = re.compile(r"CREATE (?:TABLE|(?:UNIQUE )?INDEX) IF NOT EXISTS[^;`]+")
_ADD_COLUMN: Final = re.compile(r"ALTER TABLE \w+ ADD COLUMN [^`\"%]+")
_ENSURE_COLUMN: Final = re.compile(r'ensureColumn\(db, "(\w+)", "(\w+)", "([^"]+)"\)')
_FILES: Final = frozenset((MessageKind.IMAGE, MessageKind.VIDEO, MessageKind.AUDIO, MessageKind.DOCUMENT))


class PeerNames:
    """What a peer calls people and chats: by number, wherever it is known."""

    def __init__(self, history: History) -> None:
        self._numbers = {person.lid: person.number for person in history.people}
        self.chats = {str(self.of(chat.jid)): chat.name or chat.members[0].name for chat in history.conversations}

    def of(self, jid: Jid) -> Jid:
        return self._numbers.get(jid, jid)


def peer_copy(checkout: Path, folder: Path) -> None:
    """The peer's server in a folder of its own, where its store can lie beside it."""
    if not (checkout / SERVER / "main.py").is_file():
        raise BenchError(f"{checkout}: no {SERVER}/main.py in it")
    shutil.copytree(checkout / SERVER, folder / SERVER, ignore=shutil.ignore_patterns(".venv", "__pycache__"))


async def write_peer_store(checkout: Path, folder: Path, names: PeerNames, changes: Iterable[Change]) -> None:
    """``changes`` as the bridge of ``checkout`` stores them, below ``folder``; what are no messages is left out."""
    path = folder / BRIDGE / "store" / "messages.db"
    path.parent.mkdir(parents=True)
    newest: dict[str, int] = dict.fromkeys(names.chats, 0)
    with closing(sqlite3.connect(path)) as connection:
        _create(connection, checkout)
        columns = [row[1] for row in connection.execute("PRAGMA table_info(messages)")]
        insert = f"INSERT INTO messages VALUES ({', '.join('?' * len(columns))})"
        for chat, name in names.chats.items():
            connection.execute("INSERT INTO chats (jid, name) VALUES (?, ?)", (chat, name))
        for batch in batches(iter(changes), BATCH):
            rows = list(_rows(batch, names))
            connection.executemany(insert, ([row.get(column) for column in columns] for row in rows))
            for row in rows:
                newest[row["chat_jid"]] = max(newest[row["chat_jid"]], row["milliseconds"])
            await asyncio.sleep(0)  # so that Ctrl-C is seen
        connection.executemany(
            "UPDATE chats SET last_message_time = ? WHERE jid = ?", ((_time(at), chat) for chat, at in newest.items())
        )
        connection.commit()


def _create(connection: sqlite3.Connection, checkout: Path) -> None:
    sources = [path for path in sorted((checkout / BRIDGE).rglob("*.go")) if not path.name.endswith("_test.go")]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    statements = [*_CREATE.findall(code), *_ADD_COLUMN.findall(code)]
    statements += [
        f"ALTER TABLE {table} ADD COLUMN {name} {kind}" for table, name, kind in _ENSURE_COLUMN.findall(code)
    ]
    if not any(re.search(r"EXISTS messages\b", statement) for statement in statements):
        raise BenchError(f"{checkout}: no table of messages in the Go sources below {BRIDGE}")
    for statement in statements:
        with suppress(sqlite3.OperationalError):  # a column that a table already has: the bridges try that, too
            connection.execute(statement)


def _rows(batch: list[Change], names: PeerNames) -> Iterator[dict[str, Any]]:
    for change in batch:
        if not isinstance(change, MessageReceived):
            continue
        content = change.content
        yield {
            "id": change.id,
            "chat_jid": str(names.of(change.chat)),
            "sender": names.of(change.sender).user,
            "sender_name": change.push_name or "",
            "content": content.text,
            "timestamp": _time(change.timestamp),
            "milliseconds": change.timestamp,
            "is_from_me": change.from_me,
            "media_type": content.kind.value if content.kind in _FILES else "",
            "filename": (content.media.file_name if content.media else None) or "",
            "is_edited": 0,
            "is_forwarded": 0,
            "is_system_message": 0,
            "edit_count": 0,
        }


def _time(milliseconds: int) -> str:
    """As Go's driver for SQLite writes a time."""
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%d %H:%M:%S}+00:00"
