"""Killed at any moment, delivered twice, lost, without room on the disk: nothing that was delivered vanishes."""

from __future__ import annotations

import random
import resource
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from bench.crash import FAULTS, play

from tests.e2e.harness import (
    Host,
    Json,
    body_of,
    host_on,
    kill,
    paired,
    parent_of,
    session_ended,
    session_pids,
    until,
    whatsapp,
)
from whatsapp_mcp.client.rows import complete
from whatsapp_mcp.simulator import HistoryChat, HistoryMessage, Simulator, VirtualContact
from whatsapp_mcp.simulator.people.sent import SentMessage
from whatsapp_mcp.simulator.state.accounts import SimDevice
from whatsapp_mcp.store.engine.sqlite.files import journal_path
from whatsapp_mcp.store.journal import Journal, JournalEntry
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.protos import neonize_pb2
from whatsapp_mcp.worker.intake import LOSS_GRACE


async def test_killed_at_random_moments_under_load(tmp_path: Path) -> None:
    faults = [*FAULTS, "kill session"]
    random.Random(7).shuffle(faults)
    with anyio.fail_after(300):
        figures = await play(faults, seed=7, home=tmp_path, servers=3)
    assert figures.ok, str(figures)
    assert figures.sent > 100
    assert figures.own_sent > 0


async def test_killed_in_the_middle_of_a_history(tmp_path: Path) -> None:
    """What has come of it is stored by the next process; what is written meanwhile does not wait for it."""
    data_dir, parts, in_part = tmp_path / "data", 3, 1_200  # less than the journal has room for before it is begun anew
    account = data_dir / "default"
    async with whatsapp(tmp_path) as (simulator, endpoint), host_on(endpoint, data_dir) as host:
        ana, bruno = await simulator.add_contact("Ana"), await simulator.add_contact("Bruno")
        await host.pair(simulator)
        for part in range(parts):
            newest = time.time() - 86_400 - 60 * in_part * part
            told = [HistoryMessage(f"In part {part}", ana, newest - 60 * number) for number in range(in_part)]
            simulator.phone.share_history([HistoryChat(ana, told[::-1])], kind="recent", inline=False)
        last, journal = f"In part {parts - 1}".encode(), journal_path(account / "messages.db")
        await until(lambda: last in journal.read_bytes(), what="the last part")
        await shown(host, bruno.number, bruno.say("now").id)
        (pid,) = session_pids(data_dir)
        kill(pid)
        await shown(host, bruno.number, bruno.say("later").id)
        with closing(sqlite3.connect(account / "messages.db")) as connection:
            stored = "SELECT count(*) FROM messages WHERE from_history = 1"
            whole = [(parts * in_part,)]
            await until(lambda: connection.execute(stored).fetchall() == whole, timeout=120, what="the whole history")


async def test_killed_before_an_announced_part_of_a_history_was_downloaded(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint), host_on(endpoint, data_dir) as host:
        ana = await simulator.add_contact("Ana")
        await host.pair(simulator)
        simulator.faults.media.slow(3600, times=1)
        told = HistoryChat(ana, [HistoryMessage("Friday?", ana, time.time() - 86_400, id="OLD1")])
        for shared in simulator.phone.share_history([told], kind="recent", inline=False):
            await shared.taken()
        journal = journal_path(data_dir / "default" / "messages.db")
        await until(lambda: shared.direct_path.encode() in journal.read_bytes(), what="the announcement")
        (pid,) = session_pids(data_dir)
        kill(pid)
        assert (await shown(host, ana.number, "OLD1"))["content"] == "Friday?"


def linked(simulator: Simulator) -> SimDevice:
    (device,) = (device for device in simulator.phone.account.devices.values() if not device.is_local)
    return device


def on_its_way(simulator: Simulator, sent: SentMessage) -> Node:
    """The stanza for the linked device; to be asked for at once, while it is not confirmed."""
    return next(node for node in linked(simulator).waiting if node.get("id") == sent.id)


def unconfirm(simulator: Simulator, *stanzas: Node) -> None:
    """As if the confirmation had been lost with the connection: WhatsApp delivers again at the next login."""
    for stanza in stanzas:
        linked(simulator).deliver(stanza)


async def confirmed(simulator: Simulator) -> None:
    await until(lambda: not linked(simulator).waiting, what="the confirmation of everything")


async def rows(host: Host, chat: str) -> list[Json]:
    """Newest first; none while there is no such chat."""
    body = body_of(await host.raw("getChatMessages", {"chat_jid": chat, "limit": 100}))
    found: list[Json] = complete(body.get("results") or {"data": []})["data"]
    return found


async def shown(host: Host, chat: str, message_id: str) -> Json:
    """The row of a message, as soon as there is one."""
    with anyio.fail_after(120):
        while True:
            for row in await rows(host, chat):
                if row["message_id"] == message_id:
                    return row
            await anyio.sleep(0.05)


def forget(data_dir: Path, *lost: SentMessage) -> None:
    """Kill the session process, and leave the store as if these messages had got to whatsmeow and no further."""
    (pid,) = session_pids(data_dir)
    kill(pid)
    store = data_dir / "default" / "messages.db"
    with closing(sqlite3.connect(store)) as connection, connection:
        for sent in lost:
            assert connection.execute("DELETE FROM messages WHERE id = ?", (sent.id,)).rowcount == 1


def rewrite_journal(data_dir: Path, *, without: set[str]) -> None:
    path = journal_path(data_dir / "default" / "messages.db")
    kept = [entry for entry in Journal(path).recent() if message_id_in(entry) not in without]
    path.unlink()
    journal = Journal(path)
    for entry in kept:
        assert journal.append(*entry) is not None
    journal.stored([number for number, _ in journal.waiting()])
    journal.close()


def message_id_in(entry: JournalEntry) -> str:
    return neonize_pb2.Message.FromString(entry.payload).Info.ID if entry.code == EventCode.MESSAGE else ""


async def test_a_message_that_was_lost_leaves_a_placeholder_until_it_comes_again(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana, bruno = await simulator.add_contact("Ana"), await simulator.add_contact("Bruno")
        group = await simulator.add_group("Team", members=[simulator.phone, bruno], owner=ana)
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
            before = ana.say("before")
            private = ana.say("lost")
            stanzas = [on_its_way(simulator, private)]
            first_in_group = bruno.say("lost in the group", to=group)
            stanzas.append(on_its_way(simulator, first_in_group))
            await shown(host, str(group.jid), first_in_group.id)
            await shown(host, ana.number, private.id)
            cursor = await host.cursor()
            forget(data_dir, private, first_in_group)
            journal_path(data_dir / "default" / "messages.db").unlink()  # so that only the repetition tells of them
            unconfirm(simulator, *stanzas)
            waited = (await host.call("waitForMessage", cursor=cursor, timeout=40))["message"]
            assert waited["kind"] == "undecryptable"
            for chat, author, sent in ((ana.number, ana, private), (str(group.jid), bruno, first_in_group)):
                row = await shown(host, chat, sent.id)
                assert (row["kind"], row["content"], row["is_from_me"]) == ("undecryptable", "", False)
                assert row["sender_jid"] == f"{author.number}@s.whatsapp.net"
                assert row["details"]["lost"] is True
                assert "lost when this server crashed" in row["details"]["note"]
            assert [row["message_id"] for row in await rows(host, ana.number)] == [private.id, before.id]
            assert (await host.call("searchMessages", query="lost"))["data"] == []

            ana.send_directly(linked(simulator), private.message, {"id": private.id}, count=1)
            with anyio.fail_after(120):
                while (row := await shown(host, ana.number, private.id))["kind"] == "undecryptable":
                    await anyio.sleep(0.05)
            assert row["content"] == "lost"
            assert "details" not in row
            assert len(await rows(host, ana.number)) == 2


async def test_a_message_that_was_lost_and_confirmed_leaves_a_placeholder(tmp_path: Path) -> None:
    """WhatsApp does not deliver it again; whatsmeow's own notes show that there was one."""
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        ana.say("before")
        lost = ana.say("confirmed and lost")
        await shown(host, ana.number, lost.id)
        await confirmed(simulator)
        forget(host.data_dir, lost)
        rewrite_journal(host.data_dir, without={lost.id})
        row = await shown(host, ana.number, lost.id)
        assert row["details"]["lost"] is True
        assert row["sender_jid"] == f"{ana.number}@s.whatsapp.net"


@pytest.mark.parametrize("how", ["kill", "restart"])
async def test_what_is_only_delivered_again_is_not_taken_for_lost(tmp_path: Path, how: str) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        sent = ana.say("stored")
        stanzas = [on_its_way(simulator, sent)]
        about = ana.react("👍", sent), ana.edit(sent, "stored and edited")
        stanzas += [on_its_way(simulator, one) for one in about]
        last = ana.say("last")
        await shown(host, ana.number, last.id)
        await confirmed(simulator)
        if how == "kill":
            (pid,) = host.session_pids()
            kill(pid)
            unconfirm(simulator, *stanzas)
        else:
            unconfirm(simulator, *stanzas)
            await host.call("appReconnect")
        await confirmed(simulator)
        await anyio.sleep(LOSS_GRACE + 0.5)  # after this it would have been taken for lost
        assert [row["content"] for row in await rows(host, ana.number)] == ["last", "stored and edited"]
        assert [chat["name"] for chat in (await host.call("listChats"))["data"]] == ["Ana"]


# ---- no room on the disk --------------------------------------------------------------------------------------------


def limit_files(pids: list[int], size: int) -> None:
    """No file of these processes may grow beyond ``size`` bytes: as good as a full disk, and needs no privileges."""
    for pid in pids:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))


def server_pid(host: Host) -> int:
    (session,) = host.session_pids()
    return parent_of(session)


async def write_much(host: Host, contact: VirtualContact, store: Path, size: int) -> None:
    """Until the log of the store has this size."""
    log = store.with_name(store.name + "-wal")
    with anyio.fail_after(120):
        while log.stat().st_size < size:
            sent = contact.say("x" * 20_000)
            await shown(host, contact.number, sent.id)


async def test_a_store_that_cannot_grow_loses_nothing(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        account = host.data_dir / "default"
        store = account / "messages.db"
        # Everything but the log of the store stays below the limit.
        size = max(path.stat().st_size for path in account.iterdir() if path.is_file()) + 200_000
        await write_much(host, ana, store, size)
        server = server_pid(host)
        limit_files([server, *host.session_pids()], size)
        sent = [ana.say(f"while there is no room {number}") for number in range(5)]
        with anyio.fail_after(120):
            while (error := body_of(await host.raw("appDevices")))["code"] != "not_connected":
                await anyio.sleep(0.1)
        assert "messages.db" in error["message"]
        assert "full" in error["message"]
        assert (await rows(host, ana.number))[0]["content"].startswith("x"), "reading goes on"
        late = ana.say("later")
        limit_files([server], resource.RLIM_INFINITY)
        await host.call("appReconnect")
        await shown(host, ana.number, late.id)
        texts = [row["content"] for row in await rows(host, ana.number)]
        assert texts[:6] == ["later", *(message.message.conversation for message in reversed(sent))]


async def test_a_damaged_store_is_named_and_what_comes_waits_at_whatsapp(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    store = data_dir / "default" / "messages.db"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
            first = ana.say("first")
            await shown(host, ana.number, first.id)
        await session_ended(data_dir)
        damaged = b"this is not a database" * 500
        store.write_bytes(damaged)
        for suffix in ("-wal", "-shm"):  # the log alone would be enough for such a small store
            store.with_name(store.name + suffix).unlink(missing_ok=True)
        async with host_on(endpoint, data_dir, WHATSAPP_MCP_CONNECT_WAIT="2") as host:
            error = await host.refused("appDevices")
            while f"{store} is not a database" not in error["message"]:  # a busy machine starts slowly
                error = await host.refused("appDevices")
            assert error["code"] == "not_connected"
            assert "move it away" in error["message"]
            assert (await host.refused("listChats"))["code"] == "store_unusable"
            later = ana.say("while it is damaged")
            store.rename(tmp_path / "aside.db")
            await host.call("appReconnect")
            await shown(host, ana.number, later.id)
            assert [row["content"] for row in await rows(host, ana.number)] == ["while it is damaged"]
    assert (tmp_path / "aside.db").read_bytes() == damaged, "nothing is deleted unasked"
