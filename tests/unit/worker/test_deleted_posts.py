"""Asking about channels of which posts were deleted: one after the other, each once."""

from __future__ import annotations

import asyncio

import pytest

from whatsapp_mcp.errors import NotConnected
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.pipe.profiles import SyncPosts
from whatsapp_mcp.worker import deleted_posts
from whatsapp_mcp.worker.deleted_posts import DeletedPosts

NEWS, WEATHER = Jid("120363000000000001", "newsletter"), Jid("120363000000000002", "newsletter")


async def test_each_channel_is_asked_about_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deleted_posts, "PAUSE", 0.001)
    asked: list[Jid] = []
    done = asyncio.Event()

    async def ask(command: SyncPosts) -> None:
        asked.append(command.newsletter)
        if len(asked) == 3:
            done.set()
        if len(asked) == 1:
            raise NotConnected("not just now")

    posts = DeletedPosts(ask)
    looking = asyncio.create_task(posts.look())
    for channel in (NEWS, NEWS, WEATHER, NEWS):
        posts.note(channel)
    async with asyncio.timeout(60):
        while len(asked) < 2:
            await asyncio.sleep(0.005)
        assert asked == [NEWS, WEATHER]
        posts.note(NEWS)
        await done.wait()
    assert asked == [NEWS, WEATHER, NEWS]
    looking.cancel()


def test_not_too_many_wait() -> None:
    async def ask(_command: SyncPosts) -> None:
        raise AssertionError

    posts = DeletedPosts(ask)
    for number in range(3 * deleted_posts.SEVERAL):
        posts.note(Jid(f"12036300000000{number:04d}", "newsletter"))
    assert len(posts._waiting) == deleted_posts.SEVERAL
