"""What neonize cannot send: stars, pins, labels, deletion, business profile — and that nothing is lost meanwhile."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

import anyio

from tests.e2e.harness import paired
from tests.e2e.test_messages import row_where
from whatsapp_mcp.simulator.people.chat_settings import ChatSettings
from whatsapp_mcp.simulator.service.business import BusinessDetails, OpeningHours
from whatsapp_mcp.wire.app_state import Mutation

NO_DISTANCE = {"WHATSAPP_MCP_SIDE_LOGIN_DISTANCE": "0"}


def _is_about(change: Mutation, index: str) -> bool:
    return change.index[0] == index


async def test_star_pin_archive_label_and_delete_reach_the_phone(tmp_path: Path) -> None:
    async with paired(tmp_path, **NO_DISTANCE) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        said = ana.say("remember this")
        await host.call("waitForMessage", cursor=cursor, timeout=40)
        label = {"label_id": "7", "label_name": "Friends"}
        for tool in ("starMessage", "unstarMessage"):
            seen = len(simulator.phone.patches)
            began = time.monotonic()
            await host.call(tool, message_id=said.id, phone=ana.number)
            took = time.monotonic() - began
            change = await simulator.phone.patches.wait_for(partial(_is_about, index="star"), start=seen)
            assert str(ana.account.lid) in change.index
            assert took < 15, tool
        calls = (
            ("pinChat", {"chat_jid": ana.number, "pinned": True}, "pin_v1"),
            ("archiveChat", {"chat_jid": ana.number, "archived": True}, "archive"),
            (
                "labelChat",
                {"chat_jid": ana.number, "label_id": "7", "label_name": "Friends", "labeled": True},
                "label_jid",
            ),
            ("muteChat", {"chat_jid": ana.number, "muted": True}, "mute"),
            ("markChatRead", {"chat_jid": ana.number, "read": False}, "markChatAsRead"),
            ("labelMessage", {"message_id": said.id, "phone": ana.number, **label, "labeled": True}, "label_message"),
            ("deleteMessage", {"message_id": said.id, "phone": ana.number}, "deleteMessageForMe"),
        )
        seen = len(simulator.phone.patches)
        async with anyio.create_task_group() as together:  # what comes in a login's time goes with the next one
            for tool, arguments, _ in calls:
                together.start_soon(partial(host.call, tool, **arguments))
        for tool, _, index in calls:
            change = await simulator.phone.patches.wait_for(partial(_is_about, index=index), start=seen)
            assert str(ana.account.lid) in change.index or index == "label_jid", (tool, change.index)
        starred = [one.value.starAction.starred for one in simulator.phone.patches if one.index[0] == "star"]
        assert starred == [True, False]
        labels = [one.value.labelEditAction.name for one in simulator.phone.patches if one.index[0] == "label_edit"]
        assert labels == ["Friends", "Friends"]
        await host.call("deleteChat", chat_jid=ana.number)
        await simulator.phone.patches.wait_for(lambda one: one.index[0] == "deleteChat")


async def test_neonize_follows_after_our_change(tmp_path: Path) -> None:
    """The phone changes the same collection afterwards; whatsmeow must accept our patch and the phone's."""
    async with paired(tmp_path, **NO_DISTANCE) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        ana.say("hello")
        await host.call("waitForMessage", cursor=cursor, timeout=40)
        await host.call("pinChat", chat_jid=ana.number, pinned=True)
        ChatSettings(simulator.phone).pin(ana.account.lid, pinned=False)
        await host.call("userChangePushName", push_name="Still in sync")
        await anyio.sleep(0.2)
        await host.call("pinChat", chat_jid=ana.number, pinned=True)
        pins = [one.value.pinAction.pinned for one in simulator.phone.patches if one.index[0] == "pin_v1"]
        assert pins == [True, True]


async def test_messages_during_the_pause_arrive_once(tmp_path: Path) -> None:
    async with paired(tmp_path, **NO_DISTANCE) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        ana.say("first")
        await host.call("waitForMessage", cursor=cursor, timeout=40)
        stop = anyio.Event()
        sent: list[str] = []

        async def write() -> None:
            while not stop.is_set():
                sent.append(ana.say(f"message {len(sent)}").id)
                await anyio.sleep(0.02)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write)
            for pinned in (True, False, True):
                await host.call("pinChat", chat_jid=ana.number, pinned=pinned)
            stop.set()
        await row_where(host, ana.number, id=sent[-1])
        stored: list[str] = []
        while True:
            page = await host.call("getChatMessages", chat_jid=ana.number, limit=100, offset=len(stored))
            if not page["data"]:
                break
            stored += [row["id"] for row in page["data"]]
        assert sorted(stored) == sorted([*sent, *(one for one in stored if one not in sent)])
        assert set(sent) <= set(stored), "nothing is lost"
        assert len(stored) == len(set(stored)), "nothing comes twice"


async def test_business_profile(tmp_path: Path) -> None:
    async with paired(tmp_path, **NO_DISTANCE) as (simulator, host):
        shop = await simulator.add_contact("Petal & Stem", business_name="Petal & Stem")
        simulator.business.set(
            shop.account,
            BusinessDetails(
                email="hello@petal.example",
                address="1 Flower Street",
                hours=(OpeningHours("mon", 540, 1080),),
            ),
        )
        profile = await host.call("userBusinessProfile", phone=shop.number)
        assert profile["email"] == "hello@petal.example"
        assert profile["address"] == "1 Flower Street"
        (monday,) = profile["business_hours"]
        assert (monday["open_time"], monday["close_time"]) == ("09:00", "18:00")
        ana = await simulator.add_contact("Ana")
        error = await host.refused("userBusinessProfile", phone=ana.number)
        assert error["code"] == "not_found"
        await host.call("sendMessage", phone=ana.number, message="the session works on")
