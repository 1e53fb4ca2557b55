"""Channels: their names, and posts that are edited or deleted."""

from __future__ import annotations

from pathlib import Path

import anyio

from tests.e2e.harness import Host, Json, host_on, until, whatsapp
from tests.e2e.shared import SharedAccount
from tests.e2e.test_messages import row_where
from whatsapp_mcp.simulator.service.newsletters.newsletter import Newsletter


async def rows_of(host: Host, channel: Newsletter) -> list[Json]:
    found = (await host.call("listChats", limit=100))["data"]
    return [row for row in found if row["chat_jid"] == str(channel.jid)]


async def posts_of(host: Host, channel: Newsletter) -> dict[str, str]:
    """What is shown of each post, by its id."""
    rows: list[Json] = (await host.call("getChatMessages", chat_jid=str(channel.jid)))["data"]
    return {row["message_id"]: "deleted" if row.get("revoked") else str(row.get("content")) for row in rows}


async def comes_to(host: Host, channel: Newsletter, wanted: dict[str, str]) -> None:
    shown: dict[str, str] = {}
    with anyio.move_on_after(120):
        while shown != wanted:
            shown = await posts_of(host, channel) if await rows_of(host, channel) else {}
            await anyio.sleep(0.1)
    assert shown == wanted


async def test_channels_have_their_names(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint), host_on(endpoint, tmp_path / "data") as host:
        before = simulator.add_newsletter("Followed before", followed=True)
        await host.pair(simulator)
        now = simulator.add_newsletter("Followed now", followed=True)
        now.post("hello")
        with anyio.fail_after(120):
            while [row["name"] for one in (before, now) for row in await rows_of(host, one)] != [before.name, now.name]:
                await anyio.sleep(0.1)
        await row_where(host, "followed now", content="hello")  # a channel may be known before its posts
        now.unfollow(simulator.phone)
        with anyio.fail_after(120):
            while not [row for row in await rows_of(host, now) if row.get("left")]:
                await anyio.sleep(0.1)
        assert [row.get("left") for row in await rows_of(host, before)] == [None]


async def test_posts_that_are_edited_or_deleted(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        channel = simulator.add_newsletter("News that changes", followed=True)
        first, second, third = (channel.post(text) for text in ("one", "two", "three"))
        await comes_to(host, channel, {first.id: "one", second.id: "two", third.id: "three"})
        channel.edit(first, "one, mended")
        channel.delete(second)
        await comes_to(host, channel, {first.id: "one, mended", second.id: "deleted", third.id: "three"})
        listed = (await host.call("getNewsletterMessages", newsletter_id=str(channel.jid)))["data"]
        assert [(row.get("content"), row.get("deleted")) for row in listed] == [
            ("one, mended", None),
            (None, True),
            ("three", None),
        ]


async def test_a_post_that_was_deleted_while_nobody_was_connected(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        settings = {"WHATSAPP_MCP_SESSION_LINGER": "0"}
        async with host_on(endpoint, tmp_path / "data", **settings) as host:
            await host.pair(simulator)
            channel = simulator.add_newsletter("News", followed=True)
            first, second = channel.post("one"), channel.post("two")
            await comes_to(host, channel, {first.id: "one", second.id: "two"})
        await until(lambda: not host.session_pids(), what="the end of the session process")
        channel.delete(first)
        async with host_on(endpoint, tmp_path / "data", **settings) as host:
            await comes_to(host, channel, {first.id: "deleted", second.id: "two"})
