"""A database that says nothing any more, without a word: whoever needs it waits for that, and nobody else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

import whatsapp_mcp.documents as documents
from tests.unit.cluster.proxy import CutConnection, cut_connection
from tests.unit.server.connections import DEADLINE, call, fake_server, initialize, listening
from whatsapp_mcp.documents import document_version, write_document
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.operations.services import Store
from whatsapp_mcp.policy.audit import AuditLog
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.caller import Grant
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.policy.gate import Gate
from whatsapp_mcp.policy.tokens import TokenBook
from whatsapp_mcp.postgres import connected
from whatsapp_mcp.server.auth import HttpAccess
from whatsapp_mcp.store.engine.choice import database_at
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.token_file import load_or_create_token
from whatsapp_mcp.whereabouts import PostgresSchema, StoredDocument

LONG = 600.0
"""Seconds: for ever, as far as these tests go."""
AN_END = 60.0
"""Seconds after which the database answers all the same: a loop that waits for it is not stuck for good."""


@pytest.fixture
def way(postgres_schema: PostgresSchema) -> Iterator[tuple[CutConnection, PostgresSchema]]:
    """A way to the database that can be silenced."""
    with cut_connection(postgres_schema.url) as (proxy, url):
        healing = threading.Timer(AN_END, proxy.heal)
        healing.start()
        yield proxy, PostgresSchema(url, postgres_schema.schema)
        healing.cancel()


async def until_it_waits(where: PostgresSchema) -> None:
    """For the database, in a look at a document."""
    looks = documents._of(where.url)
    with anyio.fail_after(DEADLINE):
        while not looks._lock.locked():
            await asyncio.sleep(0.01)


def bearer(secret: str) -> httpx2.AsyncClient:
    headers = {"Authorization": f"Bearer {secret}", "Accept": "application/json, text/event-stream"}
    return httpx2.AsyncClient(headers=headers, timeout=LONG)


async def test_others_are_served_while_a_token_is_looked_up(
    way: tuple[CutConnection, PostgresSchema], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "LOOK_SECONDS", LONG)
    proxy, where = way
    book = TokenBook(StoredDocument(where, "http-tokens.json"), tmp_path / "http-token")
    laptop = await asyncio.to_thread(book.create, "laptop", Grant("laptop"))
    default = load_or_create_token(tmp_path / "http-token")
    async with (
        listening(fake_server(), access=HttpAccess(book)) as url,
        bearer(laptop) as named,
        bearer(default) as own,
    ):
        health = url.replace("/mcp", "/health")
        session = (await own.post(url, json=initialize())).headers["mcp-session-id"]
        assert (await named.post(url, json=initialize())).status_code == 200
        proxy.silence()
        waiting = asyncio.create_task(named.post(url, json=initialize()))
        await until_it_waits(where)
        async with httpx2.AsyncClient(timeout=DEADLINE) as nobody:
            assert (await nobody.get(health)).json()["status"] == "ok"
        answer = await own.post(url, json=call(1, "echo", text="hello"), headers={"mcp-session-id": session})
        assert answer.status_code == 200 and "hello" in answer.text
        assert not waiting.done(), "nobody can tell yet whose the other token is"
        proxy.heal()
        with anyio.fail_after(DEADLINE):
            assert (await waiting).status_code == 200, "it is asked again over a new connection"


async def test_a_token_that_cannot_be_looked_up_is_neither_good_nor_bad(
    way: tuple[CutConnection, PostgresSchema], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "LOOK_SECONDS", 2)
    proxy, where = way
    book = TokenBook(StoredDocument(where, "http-tokens.json"), tmp_path / "http-token")
    laptop = await asyncio.to_thread(book.create, "laptop", Grant("laptop"))
    async with listening(fake_server(), access=HttpAccess(book)) as url, bearer(laptop) as named:
        proxy.silence()
        refused = await named.post(url, json=initialize())
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert "the database does not answer" in refused.json()["error"] and "127.0.0.1" not in refused.text
        assert (await named.get(url.replace("/mcp", "/health"))).json() == {"status": "ok"}
        proxy.heal()
        with anyio.fail_after(DEADLINE):
            while (again := await named.post(url, json=initialize())).status_code == 503:
                await asyncio.sleep(0.05)
        assert again.status_code == 200


async def test_the_loop_goes_on_while_the_policy_and_the_store_are_asked(
    way: tuple[CutConnection, PostgresSchema], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "LOOK_SECONDS", LONG)
    proxy, where = way
    place = StoredDocument(where, "policy.toml")
    await asyncio.to_thread(write_document, place, b'preset = "open"\n')
    await asyncio.to_thread(lambda: database_at(where).open_for_writing().close())
    file = PolicyFile(place, "careful")
    gate = Gate(file, PolicyBook(where), AuditLog(tmp_path / "audit.jsonl", lambda: file.as_seen.audit))
    store = Store(StoreReader(where))
    chat = Jid("4915150000001", "s.whatsapp.net")
    assert (await gate.beside_loop(file.to_change)).preset == "open"
    assert not await gate.beside_loop(partial(gate._book.is_always, "other_chat", chat, "local"))
    assert await store.look(lambda reader: reader.chat(chat)) is None
    proxy.silence()
    rules = asyncio.create_task(gate.beside_loop(file.to_change))
    asked: list[asyncio.Task[Any]] = [
        rules,
        asyncio.create_task(gate.beside_loop(partial(gate._book.is_always, "other_chat", chat, "local"))),
        asyncio.create_task(store.look(lambda reader: reader.chat(chat))),
    ]
    await until_it_waits(where)
    assert not any(each.done() for each in asked), "all of them wait, and this goes on"
    proxy.heal()
    with anyio.fail_after(DEADLINE):
        await asyncio.wait(asked)
    assert rules.result().preset == "open"
    await asyncio.to_thread(gate.close)


def test_a_policy_that_cannot_be_looked_up_lets_nothing_change(
    way: tuple[CutConnection, PostgresSchema], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "LOOK_SECONDS", 2)
    proxy, where = way
    place = StoredDocument(where, "policy.toml")
    write_document(place, b'preset = "open"\n')
    policy = PolicyFile(place, "careful")
    assert policy.to_change().preset == "open"
    proxy.silence()
    with pytest.raises(StoreError, match=r"nothing is sent or changed.*did not answer in time"):
        policy.to_change()
    assert policy.rules.preset == "open", "reading goes on under the last that was right"


def test_whoever_asks_meanwhile_is_told_at_once_and_of_his_own(
    way: tuple[CutConnection, PostgresSchema], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "LOOK_SECONDS", 2)
    monkeypatch.setattr(documents, "_NOT_AGAIN", LONG)
    proxy, where = way
    here, there = (StoredDocument(PostgresSchema(where.url, name), "policy.toml") for name in ("wa_here", "wa_there"))
    assert document_version(here) is document_version(there) is None
    proxy.silence()
    with pytest.raises(StoreError, match="wa_here did not answer in time"):
        document_version(here)
    monkeypatch.setattr(documents, "connected", None)  # it is not even tried
    with pytest.raises(StoreError, match="wa_there did not answer in time"):
        document_version(there)


def test_a_statement_is_waited_for_only_so_long(way: tuple[CutConnection, PostgresSchema]) -> None:
    proxy, where = way
    with closing(connected(where, answer_within=2)) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        proxy.silence()
        with pytest.raises(Exception, match="did not answer in time"):
            connection.execute("SELECT 1")
        assert connection.closed
