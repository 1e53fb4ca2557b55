"""Everything that can break, breaks: each time the right state, a clear answer, no orphan, nothing stored lost."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from tests.e2e.harness import (
    Host,
    Json,
    body_of,
    environment,
    host_on,
    kill,
    paired,
    server_parameters,
    session_ended,
    session_of,
    until,
    whatsapp,
)
from tests.e2e.shared import SharedAccount
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.simulator import VirtualContact
from whatsapp_mcp.wire.node import Attr, Node


def alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


async def contents(host: Host, chat: str) -> list[str]:
    rows = (await host.call("getChatMessages", chat_jid=chat, limit=100))["data"]
    return [row["content"] for row in reversed(rows)]


async def connected_again(host: Host) -> None:
    """Wait for the connection as a caller does: by calling."""
    with anyio.fail_after(120):
        while (await host.raw("appDevices")).is_error:
            await anyio.sleep(0.1)


async def heard(host: Host, contact: VirtualContact, text: str) -> None:
    """A message of the contact arrives in the store, once."""
    with anyio.fail_after(120):
        while True:
            body = body_of(await host.raw("getChatMessages", {"chat_jid": contact.number, "limit": 100}))
            texts = [row.get("content") for row in (body.get("results") or {"data": []})["data"]]
            if text in texts:
                assert texts.count(text) == 1
                return
            await anyio.sleep(0.05)


async def test_session_process_killed_during_a_call(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        await host.call("sendMessage", phone=ana.number, message="first")
        simulator.faults.withhold_acks()
        errors: list[Json] = []

        async def send() -> None:
            errors.append(await host.refused("sendMessage", phone=ana.number, message="lost?"))

        (pid,) = host.session_pids()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            await ana.wait_for_message(lambda message: message.text == "lost?")
            kill(pid)
        assert errors[0]["code"] == "session_crashed"
        assert "getChatMessages" in errors[0]["next_step"]
        await connected_again(host)
        assert pid not in host.session_pids()
        assert "first" in await contents(host, ana.number)
        ana.say("still there?")
        await heard(host, ana, "still there?")


async def test_session_process_killed_while_messages_arrive(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        for number in range(5):
            ana.say(f"before {number}")
        await heard(host, ana, "before 4")
        stored = await contents(host, ana.number)
        (pid,) = host.session_pids()
        kill(pid)
        for number in range(5):
            ana.say(f"after {number}")
        for number in range(5):
            await heard(host, ana, f"after {number}")
        assert [text for text in await contents(host, ana.number) if text.startswith("before")] == stored


async def test_server_killed_leaves_no_orphan(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
            await host.call("sendMessage", phone=ana.number, message="kept")
        await session_ended(data_dir)
        server = _start_server(endpoint, data_dir)
        session = await session_of(data_dir)
        server.kill()
        server.wait(60)
        ana.say("while nobody was there")
        await until(lambda: not alive(session), timeout=120, what="the end of the orphan")
        async with host_on(endpoint, data_dir) as host:
            await heard(host, ana, "while nobody was there")
            assert await contents(host, ana.number) == ["kept", "while nobody was there"]


async def test_signals_stop_everything_in_order(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
        for number in (signal.SIGTERM, signal.SIGINT):
            await session_ended(data_dir)
            await until(lambda: not simulator.is_connected, what="the end of the connection")
            server = _start_server(endpoint, data_dir)
            session = await session_of(data_dir)
            # Before its first server has come, it would wait some seconds for another one.
            await until(lambda: simulator.is_connected, what="the connection")
            server.send_signal(number)
            with anyio.fail_after(120):
                assert await anyio.to_thread.run_sync(server.wait) == 0, number
            await until(lambda session=session: not alive(session), what="the end of the session process")
            assert server.stdout is not None
            assert server.stdout.read() == b"", "nothing but answers may be written to stdout"


async def test_socket_dropped(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        (pid,) = host.session_pids()
        assert simulator.faults.drop() == 1
        await connected_again(host)
        assert host.session_pids() == [pid], "whatsmeow reconnects by itself"
        await host.call("sendMessage", phone=ana.number, message="again")
        assert (await ana.wait_for_message()).text == "again"


async def test_a_receipt_that_neonize_does_not_know_ends_nothing(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        sent = await host.call("sendMessage", phone=ana.number, message="hello")
        (pid,) = host.session_pids()
        attrs: dict[str, Attr] = {"id": sent["message_id"], "from": ana.account.lid, "t": simulator.world.now()}
        assert simulator.faults.send_to_all(Node("receipt", {**attrs, "type": "server-error"})) == 1
        ana.say("can you hear me?")
        await heard(host, ana, "can you hear me?")
        assert host.session_pids() == [pid]


async def test_silence_ends_in_a_clear_answer(tmp_path: Path) -> None:
    async with paired(tmp_path, WHATSAPP_MCP_CALL_TIMEOUT="2") as (simulator, host):
        ana = await simulator.add_contact("Ana")
        simulator.faults.silence()
        error = await host.refused("userCheck", phone=ana.number)
        assert error["code"] == "session_timeout"
        assert (await host.call("listChats"))["data"] == [], "reading goes on"
        simulator.faults.resume()
        with anyio.fail_after(120):  # two seconds are little on a busy machine
            while (checked := await host.raw("userCheck", {"phone": ana.number})).is_error:
                assert body_of(checked)["code"] == "session_timeout"
        assert body_of(checked)["results"]["is_on_whatsapp"]


async def test_refused_logins_and_replaced_by_another_login(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        for reason, code, word in ((405, "client_outdated", "upgrade"), (402, "account_banned", "ban")):
            more: dict[str, Any] = {"code": 101, "expire_seconds": 3600} if reason == 402 else {}
            simulator.faults.refuse_login(reason, times=50, **more)
            simulator.faults.drop()
            with anyio.fail_after(120):
                while (error := body_of(await host.raw("appDevices")))["code"] != code:
                    await anyio.sleep(0.1)
            assert word in error["next_step"].lower()
            simulator.faults.clear()
            await host.call("appReconnect")
            await host.call("appDevices")

        simulator.faults.stream_error("replaced")
        with anyio.fail_after(120):
            while (error := body_of(await host.raw("appDevices")))["code"] != "session_replaced":
                await anyio.sleep(0.1)
        assert "appReconnect" in error["next_step"]
        await session_ended(host.data_dir)  # it does not fight for the connection
        await host.call("appReconnect")
        await host.call("appDevices")


async def test_a_ban_that_is_over_ends_by_itself(tmp_path: Path) -> None:
    async with paired(tmp_path, WHATSAPP_MCP_TOOLSETS="core,appDevices,userCheck") as (simulator, host):
        simulator.faults.refuse_login(402, times=50, code=101, expire_seconds=6)
        simulator.faults.drop()
        with anyio.fail_after(120):
            while (error := body_of(await host.raw("userCheck", {"phone": "12025550111"}))).get(
                "code"
            ) != "account_banned":
                await anyio.sleep(0.1)
        offered = {tool.name for tool in (await host.client.list_tools()).tools}
        assert {name for name in ("appReconnect", "appLogin") if name in error["next_step"]} <= offered
        simulator.faults.clear()
        with anyio.fail_after(120):
            while (await host.raw("userCheck", {"phone": "12025550111"})).is_error:
                await anyio.sleep(0.5)


async def test_undecryptable_message_is_asked_for_again(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        ana.say("warm up")
        await heard(host, ana, "warm up")
        simulator.faults.corrupt_messages()
        ana.say("garbled at first")
        await heard(host, ana, "garbled at first")
        assert await contents(host, ana.number) == ["warm up", "garbled at first"]


async def test_an_undecryptable_edit_leaves_no_row_when_it_comes_again(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        said = ana.say("at eigth")
        await heard(host, ana, "at eigth")
        simulator.faults.corrupt_messages()
        ana.edit(said, "at eight")
        await heard(host, ana, "at eight")
        assert await contents(host, ana.number) == ["at eight"]


async def test_doubled_message_is_stored_once(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        simulator.faults.duplicate_messages()
        ana.say("twice")
        ana.say("then this")
        await heard(host, ana, "then this")
        assert await contents(host, ana.number) == ["twice", "then this"]


async def test_a_message_that_is_not_encrypted_for_its_recipient_was_not_sent(shared: SharedAccount) -> None:
    """whatsmeow sends it to the account's own phone all the same, and WhatsApp acknowledges that."""
    async with shared.borrowed() as (simulator, host):
        ana, bruno = await simulator.add_contact("Ana"), await simulator.add_contact("Bruno")
        await host.call("sendMessage", phone=bruno.number, message="the phone has a session from now on")
        order = {"phone": ana.number, "message": "hello", "idempotency_key": "not encrypted"}
        simulator.faults.fail_iq("encrypt", 429, "rate-overlimit")
        error = await host.refused("sendMessage", **order)
        assert error["code"] == "not_encrypted"
        assert not ana.inbox
        sent = await host.call("sendMessage", **order)
        assert (await ana.wait_for_message()).id == sent["message_id"]
        assert len(ana.inbox) == 1
        assert await contents(host, ana.number) == ["hello"]


async def test_a_message_waits_for_whoever_writes_to_the_keys(tmp_path: Path) -> None:
    """As long as SQLite waits by itself, and longer: whatsmeow would leave out who it cannot encrypt for by then."""
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        await host.call("sendMessage", phone=ana.number, message="before")
        folder = host.data_dir / "default"
        with closing(sqlite3.connect(folder / "session.db", timeout=30, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(host.call, "sendMessage", phone=ana.number, message="meanwhile"))
                await anyio.sleep(7)
                other.execute("ROLLBACK")
        assert "locked" not in (folder / "session.log").read_text()
        await ana.wait_for_message(lambda message: message.summary.text == "meanwhile")


async def test_whoever_writes_while_we_write_gets_everything(tmp_path: Path) -> None:
    """whatsmeow uses keys twice then, and who gets a second message under one drops it: every fourth, without care."""
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        ana.reads = False
        (device,) = (device for device in simulator.phone.account.devices.values() if not device.is_local)

        async def write() -> None:
            while True:
                if len(device.waiting) < 10:
                    ana.say("hello")
                await anyio.sleep(0.002)

        async with anyio.create_task_group() as writing:
            writing.start_soon(write)
            for number in range(40):
                await host.call("sendMessage", phone=ana.number, message=f"number {number}")
            writing.cancel_scope.cancel()
        await ana.wait_for_message(lambda message: message.summary.text == "number 39")
        assert [message.summary.text for message in ana.inbox] == [f"number {number}" for number in range(40)]


async def test_hasty_goodbye_after_pairing(tmp_path: Path) -> None:
    """A server that hangs up right after the 515 makes whatsmeow wait for ever now and then."""
    async with whatsapp(tmp_path) as (simulator, endpoint), host_on(endpoint, tmp_path / "data") as host:
        login = await host.call("appLogin")
        await simulator.phone.scan(login["qr_text"])
        simulator.faults.drop("clean")
        await connected_again(host)


async def test_session_waits_for_the_network(tmp_path: Path) -> None:
    """The server starts while WhatsApp cannot be reached, and connects when it can."""
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
        await session_ended(data_dir)
        nowhere = tmp_path / "nowhere.json"
        nowhere.write_text(
            json.dumps({"proxy": "http://127.0.0.1:9", "ca_file": str(tmp_path / "none.pem"), "noise_root": "00" * 32})
        )
        async with host_on(nowhere, data_dir, WHATSAPP_MCP_CONNECT_WAIT="1") as host:
            error = await host.refused("appDevices")
            assert error["code"] == "not_connected"
            Endpoint.read(endpoint).write(nowhere)
            await connected_again(host)


async def test_damaged_session_database_is_named(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
        await session_ended(data_dir)
        database = data_dir / "default" / "session.db"
        database.write_bytes(b"this is not a database" * 100)
        async with host_on(endpoint, data_dir) as host:
            error = await host.refused("appDevices")
            assert str(database) in error["message"]
        assert database.read_bytes().startswith(b"this is not"), "nothing is deleted unasked"


def _start_server(endpoint: Path, data_dir: Path) -> subprocess.Popen[bytes]:
    parameters = server_parameters(endpoint, data_dir)
    return subprocess.Popen(
        [parameters.command, *parameters.args],
        env=environment(endpoint),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
