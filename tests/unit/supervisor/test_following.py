"""Looking into neonize's database for what the phone changed."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from whatsapp_mcp.models.app_state import ChatMarksSeen
from whatsapp_mcp.pipe.account import SyncContacts
from whatsapp_mcp.pipe.side_login import KeepChatMarks
from whatsapp_mcp.supervisor import following as module
from whatsapp_mcp.supervisor.following import CONTACTS, following
from whatsapp_mcp.supervisor.link import Link


class Told:
    """A link that keeps what it is told."""

    gone = False

    def __init__(self) -> None:
        self.commands: list[Any] = []
        self.news = asyncio.Condition()

    async def call(self, command: Any, timeout: float) -> None:
        async with self.news:
            self.commands.append(command)
            self.news.notify_all()

    async def count(self, number: int) -> None:
        async with self.news:
            with anyio.fail_after(60):
                await self.news.wait_for(lambda: len(self.commands) >= number)


class World:
    """What neonize's database holds, and how often it was read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        self.path, self.reads, self.seen = path, 0, ChatMarksSeen("me:1", {CONTACTS: 1}, ())
        monkeypatch.setattr(module, "LOOK", 0.005)
        monkeypatch.setattr(module, "chat_marks", lambda _: self.seen)
        monkeypatch.setattr(module, "app_state_versions", self._versions)
        with closing(sqlite3.connect(path)) as file:
            file.execute("CREATE TABLE any_other (x)")

    def _versions(self, _: Path) -> dict[str, int]:
        self.reads += 1
        return dict(self.seen.versions)

    def write(self, version: int) -> None:
        self.seen = ChatMarksSeen("me:1", {CONTACTS: version}, ())
        with closing(sqlite3.connect(self.path)) as file, file:
            file.execute("CREATE TABLE IF NOT EXISTS more (x)")
            file.execute("INSERT INTO more VALUES (zeroblob(9000))")


async def test_what_is_new_is_told_and_nothing_else_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, link = World(monkeypatch, tmp_path / "session.db"), Told()
    looks = asyncio.Queue[None]()
    written = module._written

    def counted(where: Path) -> tuple[int, int] | None:
        looks.put_nowait(None)
        return written(where)

    monkeypatch.setattr(module, "_written", counted)
    async with following(world.path, cast(Link, link)):
        await link.count(1)
        assert link.commands == [KeepChatMarks(seen=world.seen)]
        with anyio.fail_after(60):
            for _ in range(20):
                await looks.get()
        assert world.reads <= 1, "nothing was written since"
        world.write(2)
        await link.count(3)
    assert link.commands[1:] == [KeepChatMarks(seen=world.seen), SyncContacts()]
