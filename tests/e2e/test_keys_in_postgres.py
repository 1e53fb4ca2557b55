"""Keys and messages in PostgreSQL: linked, used, killed, unlinked; and a database that goes away and comes back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest

from tests.e2e.harness import Host, Json, body_of, environment, host_on, kill, session_of, until, whatsapp
from tests.postgres import RestartableServer, restartable_server
from whatsapp_mcp.simulator import VirtualContact
from whatsapp_mcp.simulator.people.chat_settings import ChatSettings
from whatsapp_mcp.wire.app_state import Mutation

PASSWORD = "h#u/n@t:e r'\\%&=?+ü"
WRITTEN = ("h#u/n@t", "h%23u%2Fn%40t")
"""How it would begin wherever it is written."""


@pytest.fixture(scope="module")
def server() -> Iterator[RestartableServer]:
    with restartable_server(PASSWORD) as made:
        yield made


@pytest.fixture
def database(server: RestartableServer) -> Iterator[str]:
    """Its URL; a new database for each test."""
    server.start()
    yield server.url
    with psycopg.connect(server.admin, autocommit=True) as connection:
        connection.execute("DROP DATABASE chats WITH (FORCE)")
        connection.execute("CREATE DATABASE chats OWNER ana")


async def shown(host: Host, contact: VirtualContact, count: int) -> list[str]:
    """The texts of a chat, newest first, when there are so many and none is undecryptable."""
    rows: list[Json] = []
    with anyio.move_on_after(60):
        while len(rows) < count or any(row.get("kind") == "undecryptable" for row in rows):
            await anyio.sleep(0.1)
            body = body_of(await host.raw("getChatMessages", {"chat_jid": contact.number, "limit": 100}))
            rows = (body.get("results") or {"data": []})["data"]
    return [str(row.get("content", row.get("kind"))) for row in rows]


def asked(url: str, statement: str) -> list[Any]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()


def tables(url: str, schema: str) -> set[str]:
    return {name for name, place in asked(url, "SELECT tablename, schemaname FROM pg_tables") if place == schema}


def commands_of_this_run() -> Iterator[bytes]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield (entry / "cmdline").read_bytes()
            except OSError:
                continue


def names(change: Mutation, index: str) -> bool:
    return change.index[0] == index


async def test_an_account_lives_with_its_keys_in_a_schema(tmp_path: Path, database: str) -> None:
    """Login, messages, a restart, a search, a side login, logout and another login; and no key, message or password on
    this disk."""
    set_up = {"WHATSAPP_MCP_DATABASE": database, "WHATSAPP_MCP_SIDE_LOGIN_DISTANCE": "0"}
    folder = tmp_path / "data" / "default"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with host_on(endpoint, tmp_path / "data", **set_up) as host:
            await host.pair(simulator)
            assert {"whatsmeow_device", "whatsmeow_sessions"} <= tables(database, "wa_default")
            ana.say("one")
            assert await shown(host, ana, 1) == ["one"]
            await host.call("sendMessage", phone=ana.number, message="two")
            assert (await ana.inbox.wait_for(lambda received: received.text == "two")).text == "two"

            (before,) = host.session_pids()
            await host.call("appReconnect")
            (after,) = host.session_pids()
            assert before != after
            ana.say("three")
            assert await shown(host, ana, 3) == ["three", "two", "one"]
            found = await host.call("searchMessages", query="two")
            assert [row["content"] for row in found["data"]] == ["two"]
            assert asked(database, "SELECT text FROM wa_default.messages ORDER BY place") == [
                ("one",),
                ("two",),
                ("three",),
            ]

            await host.call("archiveChat", chat_jid=ana.number, archived=True)
            await simulator.phone.patches.wait_for(partial(names, index="archive"))
            await host.call("pinChat", chat_jid=ana.number, pinned=True)
            await simulator.phone.patches.wait_for(partial(names, index="pin_v1"))
            assert await host.call("appDevices")
            ChatSettings(simulator.phone).archive(ana.account.lid, archived=False)
            ChatSettings(simulator.phone).mute(ana.account.lid)
            row: Json = {}
            with anyio.fail_after(120):
                while not ("muted_until" in row and "archived" not in row):
                    await anyio.sleep(0.2)
                    row = (await host.call("listChats"))["data"][0]
            assert row["pinned"]

            for command in commands_of_this_run():
                assert not any(written.encode() in command for written in WRITTEN)
            status = await anyio.to_thread.run_sync(reported, "status", tmp_path, endpoint, database)
            assert "postgresql://ana@/chats" in " ".join(status.split())
            said = status + await anyio.to_thread.run_sync(reported, "doctor", tmp_path, endpoint, database)
            said += (folder / "session.log").read_text()
            assert not any(written in said for written in WRITTEN)

            await host.call("appLogout")
            assert not {name for name in tables(database, "wa_default") if name.startswith("whatsmeow_")}
            await host.pair(simulator)
            ana.say("four")
            assert (await shown(host, ana, 4))[0] == "four"
        files = {path.name for path in folder.iterdir()}
        assert not {name for name in files if name.startswith(("session.db", "messages.db", "postgres"))}
    assert len(asked(database, "SELECT jid FROM wa_default.whatsmeow_device")) == 1


def reported(command: str, tmp_path: Path, endpoint: Path, database: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "whatsapp_mcp", command, "--data-dir", str(tmp_path / "data")],
        env=environment(endpoint, WHATSAPP_MCP_DATABASE=database),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr


async def test_two_accounts_in_one_database_are_two_devices(tmp_path: Path, database: str) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        second = simulator.add_account("4915100000077", "Second")
        for account, phone in (("default", simulator.phone), ("work", second)):
            set_up = {"WHATSAPP_MCP_DATABASE": database, "WHATSAPP_MCP_ACCOUNT": account}
            (tmp_path / "data" / account).mkdir(mode=0o700, parents=True)
            async with host_on(endpoint, tmp_path / "data", **set_up) as host:
                device = await host.pair(simulator, phone)
                assert device["device"].startswith(phone.account.number)
        found = [asked(database, f"SELECT jid FROM {schema}.whatsmeow_device") for schema in ("wa_default", "wa_work")]
        assert [len(rows) for rows in found] == [1, 1]
        assert found[0] != found[1]


async def test_a_database_that_goes_away_loses_no_message(
    tmp_path: Path, server: RestartableServer, database: str
) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with host_on(endpoint, tmp_path / "data", WHATSAPP_MCP_DATABASE=database) as host:
            await host.pair(simulator)
            ana.say("before")
            told = ["before"]
            assert await shown(host, ana, 1) == told
            for turn in ("first", "second"):
                (pid,) = host.session_pids()
                await anyio.to_thread.run_sync(server.kill)
                for number in range(3):
                    ana.say(f"{turn} {number}")
                await until(lambda: pid not in host.session_pids(), what="the end of the session process")  # noqa: B023
                refused = body_of(await host.raw("sendMessage", {"phone": ana.number, "message": "nobody gets this"}))
                assert refused["code"] in ("not_connected", "store_error"), refused
                assert "cannot be reached" in refused["message"]
                assert not any(written in str(refused) for written in WRITTEN)
                await anyio.to_thread.run_sync(server.start)
                told = [f"{turn} {number}" for number in (2, 1, 0)] + told
                assert await shown(host, ana, len(told)) == told


async def test_killed_in_the_middle_of_receiving(tmp_path: Path, database: str) -> None:
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with host_on(endpoint, tmp_path / "data", WHATSAPP_MCP_DATABASE=database) as host:
            await host.pair(simulator)
            told: list[str] = []
            for turn in range(4):
                for number in range(8):
                    told.append(f"{turn}.{number}")
                    ana.say(told[-1])
                    await anyio.sleep(0.01 * turn)
                pid = await session_of(host.data_dir)
                kill(pid)
                await until(lambda: pid not in host.session_pids(), what="its end")  # noqa: B023
            await session_of(host.data_dir)
            assert sorted(await rows_or_placeholders(host, ana, len(told))) == sorted(told)


async def rows_or_placeholders(host: Host, contact: VirtualContact, count: int) -> list[str]:
    """Every message is there; one whose content a crash took says so, and its place is counted for what is missing."""
    found: list[Json] = []
    with anyio.move_on_after(120):
        while len(found) < count:
            await anyio.sleep(0.2)
            body = body_of(await host.raw("getChatMessages", {"chat_jid": contact.number, "limit": 100}))
            found = (body.get("results") or {"data": []})["data"]
    texts = [row["content"] for row in found if "content" in row]
    lost = [row for row in found if row.get("kind") == "undecryptable"]
    assert all((row.get("details") or {}).get("lost") for row in lost), lost
    assert len(texts) + len(lost) == count
    missing = {f"{turn}.{number}" for turn in range(4) for number in range(8)} - set(texts)
    assert len(missing) == len(lost) <= 4
    return [*texts, *missing]
