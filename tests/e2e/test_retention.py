"""Old messages are removed, or kept for ever: with the real session process."""

from __future__ import annotations

import time
from pathlib import Path

import anyio

from tests.e2e.harness import Host, Json, host_on, paired, session_ended, until, whatsapp
from whatsapp_mcp.media import downloads
from whatsapp_mcp.simulator.people.contact import VirtualContact
from whatsapp_mcp.simulator.people.history import HistoryChat, HistoryMessage
from whatsapp_mcp.wire.protos import e2e

DAY = 24 * 60 * 60


def history(ana: VirtualContact) -> HistoryChat:
    """An old picture, an old starred message, and one of yesterday."""
    now = time.time()
    image = e2e.ImageMessage(mimetype="image/jpeg", caption="old picture", fileLength=3, mediaKey=b"k" * 32)
    return HistoryChat(
        ana,
        [
            HistoryMessage(e2e.Message(imageMessage=image), author=ana, time=now - 40 * DAY, id="OLD"),
            HistoryMessage(
                "old star", author=ana, time=now - 35 * DAY, id="STAR", starred=True, reactions=[(None, "👍")]
            ),
            HistoryMessage("new word", author=ana, time=now - DAY, id="NEW"),
        ],
        unread=3,
    )


async def messages(host: Host, ana: VirtualContact, *expected: str) -> list[Json]:
    """Wait until the chat has messages with these texts, newest first; totals and searches must say the same."""
    rows: list[Json] = []
    with anyio.move_on_after(120):
        while [row["content"] for row in rows] != list(expected):
            await anyio.sleep(0.02)
            if (await host.call("listChats"))["data"]:
                listed = await host.call("getChatMessages", chat_jid=ana.number)
                rows = listed["data"]
    assert [row["content"] for row in rows] == list(expected)
    assert listed["pagination"]["total"] == len(expected)
    hits = await host.call("searchMessages", query="old")
    assert [row["content"] for row in hits["data"]] == [text for text in expected if "old" in text]
    return rows


async def test_old_messages_of_a_history_are_not_stored(tmp_path: Path) -> None:
    async with paired(tmp_path, WHATSAPP_MCP_RETENTION_DAYS="30") as (simulator, host):
        ana = await simulator.add_contact("Ana")
        simulator.phone.share_history([history(ana)])
        rows = await messages(host, ana, "new word", "old star")
        assert [row.get("starred") for row in rows] == [None, True]
        assert rows[1]["reactions"][0]["emoji"] == "👍"
        ana.say("now")
        await messages(host, ana, "now", "new word", "old star")


async def test_old_messages_are_removed_when_the_setting_is_switched_on(tmp_path: Path) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        data = tmp_path / "data"
        async with host_on(endpoint, data) as host:
            await host.pair(simulator)
            simulator.phone.share_history([history(ana)])
            await messages(host, ana, "new word", "old star", "old picture")
        await session_ended(data)
        file = downloads.target(
            data / "default" / "media", chat=ana.account.pn, message_id="OLD", mimetype="image/jpeg"
        )
        file.parent.mkdir(parents=True)
        file.write_bytes(b"old")
        async with host_on(endpoint, data) as host:
            await host.call("appReconnect")
            await messages(host, ana, "new word", "old star", "old picture")
        await session_ended(data)  # it knows the setting that it was started with
        assert file.exists()
        async with host_on(endpoint, data, WHATSAPP_MCP_RETENTION_DAYS="30") as host:
            await messages(host, ana, "new word", "old star")
            await until(lambda: not file.exists(), what="the end of the file")
            again = history(ana)
            today = HistoryMessage("another word", author=ana)
            simulator.phone.share_history([HistoryChat(ana, [*again.messages, today])])
            await messages(host, ana, "another word", "new word", "old star")
