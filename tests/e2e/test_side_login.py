"""What neonize cannot send: stars, pins, labels, deletion, business profile; of several servers, too."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from functools import partial
from pathlib import Path

import anyio
from bench.processes import below

from tests.e2e.harness import Host, Json, host_on, paired, server_parameters, until, whatsapp
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.network.connection import Connection
from whatsapp_mcp.simulator.people.chat_settings import ChatSettings
from whatsapp_mcp.simulator.service.business import BusinessDetails, OpeningHours
from whatsapp_mcp.simulator.state.accounts import SimDevice
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
        chat, message = {"chat_jid": ana.number}, {"message_id": said.id, "phone": ana.number}
        label = {"label_id": "7", "label_name": "Friends", "labeled": True}
        first: dict[str, Json] = {
            "starMessage": message,
            "pinChat": {**chat, "pinned": True},
            "labelChat": {**chat, **label},
            "markChatRead": {**chat, "read": False},
            "labelMessage": {**message, **label},
        }
        second: dict[str, Json] = {
            "unstarMessage": message,
            "archiveChat": {**chat, "archived": True},
            "muteChat": {**chat, "muted": True},
            "deleteMessage": message,
        }
        for calls in (first, second):
            async with anyio.create_task_group() as tasks:  # they may share a pause
                for tool, arguments in calls.items():
                    tasks.start_soon(partial(host.call, tool, **arguments))
        for index in (
            *("star", "pin_v1", "archive", "label_jid", "mute"),
            *("markChatAsRead", "label_message", "deleteMessageForMe"),
        ):
            change = await simulator.phone.patches.wait_for(partial(_is_about, index=index))
            assert str(ana.account.lid) in change.index or index == "label_jid", change.index
        starred = [one.value.starAction.starred for one in simulator.phone.patches if one.index[0] == "star"]
        assert starred == [True, False]
        labels = [one.value.labelEditAction.name for one in simulator.phone.patches if one.index[0] == "label_edit"]
        assert labels == ["Friends", "Friends"]
        (listed,) = (await host.call("listLabels"))["data"]
        assert (listed["label_id"], listed["name"], listed.get("message_count", 0)) == ("7", "Friends", 0)
        assert [chat["chat_jid"] for chat in listed["chats"]] == [f"{ana.number}@s.whatsapp.net"]
        await a_list_is_one_login(simulator, host)
        await host.call("deleteChat", chat_jid=ana.number)
        await simulator.phone.patches.wait_for(lambda one: one.index[0] == "deleteChat")


async def a_list_is_one_login(simulator: Simulator, host: Host) -> None:
    people = [await simulator.add_contact(name) for name in ("Bo", "Cid")]
    for person in people:
        cursor = await host.cursor()
        person.say("and me")
        await host.call("waitForMessage", cursor=cursor, timeout=40)
    before = len(list(simulator.phone.patches))
    result = await host.raw(
        "archiveChat", {"chat_jid": [*(one.number for one in people), "4915100000777"], "archived": False}
    )
    body = result.structured_content
    assert body is not None
    assert body["results"]["chat_jids"] == [f"{one.number}@s.whatsapp.net" for one in people]
    assert [(one["item"], one["code"]) for one in body["failed"]] == [("4915100000777@s.whatsapp.net", "not_found")]
    assert "2 chats are no longer archived" in body["message"]
    assert body["message"].count("re-connected") == 1
    lids = {str(one.account.lid) for one in people}
    assert {one.index[1] for one in list(simulator.phone.patches)[before:] if one.index[0] == "archive"} == lids


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
        await simulator.until_delivered()
        await host.call("pinChat", chat_jid=ana.number, pinned=True)
        pins = [one.value.pinAction.pinned for one in simulator.phone.patches if one.index[0] == "pin_v1"]
        assert pins == [True, True]


def raw_server(endpoint: Path, data_dir: Path, **more: str) -> subprocess.Popen[bytes]:
    """A server whose host waits for nothing."""
    parameters = server_parameters(endpoint, data_dir, **more)
    process = subprocess.Popen(
        [parameters.command, *parameters.args],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=parameters.env,
    )
    client = {"name": "test", "version": "1"}
    start = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
    say(process, {"id": 0, "method": "initialize", "params": start})
    say(process, {"method": "notifications/initialized"})
    return process


def say(server: subprocess.Popen[bytes], line: Json) -> None:
    assert server.stdin is not None
    server.stdin.write(json.dumps({"jsonrpc": "2.0", **line}).encode() + b"\n")
    server.stdin.flush()


async def stopped_login(host: Host) -> int:
    """The process of a side login that the session process starts, stopped by a signal before it is ready."""
    with anyio.fail_after(120):
        while True:
            for session in host.session_pids():
                for child in below(session):
                    if "side_login.process" in child.command:
                        os.kill(child.pid, signal.SIGSTOP)
                        return child.pid
            await anyio.sleep(0.005)


async def test_servers_share_a_pause_and_the_limit(tmp_path: Path) -> None:
    """And one that is killed while its request waits loses that request, nobody else's."""
    settings = {"WHATSAPP_MCP_SIDE_LOGIN_PER_DAY": "1", "WHATSAPP_MCP_LOG_LEVEL": "INFO"}
    data_dir = tmp_path / "data"
    log = data_dir / "default" / "session.log"
    async with (
        whatsapp(tmp_path) as (simulator, endpoint),
        host_on(endpoint, data_dir, **settings) as one,
        host_on(endpoint, data_dir, **settings) as other,
    ):
        await one.pair(simulator)
        ana = await simulator.add_contact("Ana")
        cursor = await one.cursor()
        ana.say("hello")
        await one.call("waitForMessage", cursor=cursor, timeout=40)
        chat = {"chat_jid": ana.number}
        killed = raw_server(endpoint, data_dir, **settings)
        logins: list[SimDevice] = []
        start = simulator.login.start

        def note(device: SimDevice, connection: Connection, *, passive: bool) -> None:
            logins.append(device)
            start(device, connection, passive=passive)

        simulator.login.start = note  # type: ignore[method-assign]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(one.call, "pinChat", pinned=True, **chat))
            login = await stopped_login(one)  # until all wait
            tasks.start_soon(partial(other.call, "muteChat", muted=True, **chat))
            archive = {"name": "archiveChat", "arguments": {"archived": True, **chat}}
            say(killed, {"id": 1, "method": "tools/call", "params": archive})
            try:
                await until(lambda: "3 requests wait for a side login" in log.read_text(), what="three requests")
            finally:
                killed.kill()
                killed.wait(60)
            await until(lambda: "gave up; 2 requests wait" in log.read_text(), what="the end of a client")
            os.kill(login, signal.SIGCONT)
        kinds = {patch.index[0] for patch in simulator.phone.patches}
        assert kinds >= {"pin_v1", "mute"}
        assert "archive" not in kinds
        assert len(logins) == 2, "one of ours, and neonize's next"
        error = await other.refused("pinChat", pinned=False, **chat)
        assert error["code"] == "rate_limited", "counted for all, and by the next session process"
        await one.call("sendMessage", phone=ana.number, message="the session works on")


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
