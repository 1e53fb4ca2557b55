"""The servers of several accounts."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from tests.unit.session_db.session_database import link_device
from tests.unit.systems import needs_modes
from tests.unit.waiting import soon
from whatsapp_mcp.assembly import AccountServers, assemble, at_terminal
from whatsapp_mcp.catalog import load_catalog
from whatsapp_mcp.clock import now, now_ms
from whatsapp_mcp.cluster.directory import Directory
from whatsapp_mcp.cluster.tables import prepare
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.pipe.lines import Ended
from whatsapp_mcp.policy.caller import Caller
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server.health import AccountStanding
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.records import NewDeferred
from whatsapp_mcp.store.write.writer import StoreWriter
from whatsapp_mcp.supervisor.manager import SessionManager


def servers(data_dir: Path, **changes: Any) -> AccountServers:
    return AccountServers(Settings(data_dir=data_dir, **changes))


def test_an_account_is_found_by_its_folder(tmp_path: Path) -> None:
    accounts = servers(tmp_path / "data")
    assert accounts.at_mcp == "default"
    assert accounts.find("work") is None
    assert accounts.find("default") is not None, "it is there before its folder is"
    folder = tmp_path / "data" / "work"
    folder.mkdir(parents=True)
    first = accounts.find("work")
    assert first == accounts.find("work")
    folder.rename(tmp_path / "data" / "shop")
    assert accounts.find("work") is None
    folder.mkdir()
    assert accounts.find("work") not in (None, first)


def test_each_server_says_which_account_it_is_and_touches_no_other(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    (data_dir / "work").mkdir(parents=True)
    accounts = servers(data_dir, account="shop")
    assert accounts.at_mcp == "shop"
    work = accounts.build("work")
    assert [entry.name for entry in data_dir.iterdir()] == ["work"]
    assert work.title == "WhatsApp (work)"
    assert work.instructions is not None
    assert work.instructions.startswith("This is the account 'work'.")
    default = accounts.build("default")
    assert default.title == "WhatsApp"
    assert (data_dir / "default").is_dir()


def test_they_attach_to_their_sessions_as_servers_over_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[str, str]] = []

    def manager(settings: Settings, *, kind: str, **_: str) -> SessionManager:
        made.append((settings.account, kind))
        return SessionManager(settings)

    monkeypatch.setattr("whatsapp_mcp.assembly.SessionManager", manager)
    servers(tmp_path / "data").build("default")
    assemble(Settings(data_dir=tmp_path / "data", account="work"))
    assert made == [("default", "http"), ("work", "stdio")]


def test_settings_that_fit_no_server_are_refused_before_any_is_used(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="toolsets"):
        servers(tmp_path / "data", toolsets="no-such-set")
    with pytest.raises(SetupError, match="cannot handle"):
        servers(tmp_path / "100%")
    assert list(tmp_path.iterdir()) == []


def test_no_tool_can_name_an_account() -> None:
    """A model that is bound to one account cannot write from another."""
    assert [op.name for op in load_catalog().operations if "account" in op.input_schema["properties"]] == []


def test_accounts_with_webhooks_are_served_without_a_request(tmp_path: Path) -> None:
    found = servers(tmp_path)
    assert found.unasked() == ()
    for name in ("default", "work", "home"):
        (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / "work" / "webhooks.json").touch()
    (tmp_path / "home" / "messages.db").write_bytes(b"damaged: that is told when it is used")
    assert found.unasked() == ("work",)


def test_an_account_with_a_scheduled_message_is_started_unasked(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    settings.account_dir.mkdir(mode=0o700)
    found = servers(tmp_path)
    with closing(StoreWriter(settings.store_path)) as writer:
        ana = Jid.parse("12025550111@s.whatsapp.net")
        new = NewDeferred("HELD1", ana, now_ms() + 3_600_000, "k", 0, "", '{"text": "hi"}', "{}", caller="{}")
        assert found.unasked() == ()
        writer.with_deferred(lambda held: held.hold(new))
        assert found.unasked() == ("default",)


def test_how_an_account_stands_is_known_before_it_is_used(tmp_path: Path) -> None:
    accounts = servers(tmp_path / "data")
    settings = Settings(data_dir=tmp_path / "data")
    assert accounts.standing("default") == AccountStanding("unpaired", ready=False)
    settings.account_dir.mkdir(parents=True)
    link_device(settings.session_db)
    assert accounts.standing("default") == AccountStanding("unused", ready=True)
    ledger = Ledger(started_at=now())
    ledger.end(Ended(reason="replaced", detail="elsewhere"), now())
    ledger.write(settings.ledger_path)
    assert accounts.standing("default") == AccountStanding("replaced", False, "elsewhere")
    accounts.build("default")
    assert accounts.standing("default").state == "starting", "its manager knows"


@needs_modes
def test_a_new_account_is_no_secret(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(data_dir=tmp_path / "dta")
    assemble(settings)
    assert f"{settings.account_dir} was made just now" in caplog.text
    caplog.clear()
    settings.account_dir.chmod(0o755)
    assemble(settings)
    assert "was made" not in caplog.text
    assert settings.account_dir.stat().st_mode & 0o777 == 0o700, "closed to others, and said"
    assert "has been closed to others" in caplog.text


def test_an_account_whose_store_a_call_found_damaged_is_not_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends: list[Callable[[Passage], None]] = []

    def assembled(settings: Settings, *, ended: Callable[[Passage], None], **_: object) -> None:
        ends.append(ended)

    monkeypatch.setattr("whatsapp_mcp.assembly.assemble", assembled)
    settings = Settings(data_dir=tmp_path / "data")
    link_device(settings.session_db)
    settings.store_path.write_bytes(b"damaged")
    accounts = servers(tmp_path / "data")
    accounts.build("default")
    assert accounts.standing("default").ready
    passage = Passage(load_catalog().by_name["listChats"], Caller())
    ends[0](passage)
    assert accounts.standing("default").ready
    passage.error = "store_unusable"
    ends[0](passage)
    standing = accounts.standing("default")
    assert (standing.ready, standing.state) == (False, "stopped")
    assert "whatsapp-mcp doctor" in standing.detail
    restored = settings.store_path.with_name("restored")
    restored.write_bytes(b"another file")
    restored.replace(settings.store_path)
    assert accounts.standing("default").ready


async def test_who_looks_for_other_machines_ends_that_with_itself(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Directory] = []

    class Kept(Directory):  # for what nobody has any more is ended too
        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named)
            made.append(self)

    monkeypatch.setattr("whatsapp_mcp.cluster.directory.Directory", Kept)
    settings = Settings(data_dir=tmp_path, database=SecretStr(postgres_url), require_endpoint=True)
    async with at_terminal(settings, ask=None, session=True):
        await soon(lambda: asking() == 1)
    await soon(lambda: asking() == 0)
    accounts = AccountServers(settings)
    await made[-1].nodes()
    assert asking() == 1
    accounts.close()
    await soon(lambda: asking() == 0)


def asking() -> int:
    """Threads that ask the database about other machines."""
    return sum(thread.name.startswith("cluster") for thread in threading.enumerate())


async def test_what_metrics_ask_the_database_does_not_grow_with_the_accounts_of_other_nodes(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    execute = psycopg.Cursor.execute

    def counted(self: psycopg.Cursor[Any], query: Any, *arguments: Any, **named: Any) -> psycopg.Cursor[Any]:
        if not threading.current_thread().name.startswith("cluster"):  # which beats meanwhile
            asked.append(query)
        return execute(self, query, *arguments, **named)

    def held_elsewhere(names: range) -> None:
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            for number in names:
                connection.execute(
                    "INSERT INTO whatsapp_mcp.holders VALUES"
                    " (%s, 'other', '', 0, '', '', 0, 1, true, clock_timestamp() + interval '1 hour')",
                    (f"of-other-{number}",),
                )
            connection.execute("NOTIFY whatsapp_mcp")

    async def statements(most: int) -> int:
        await soon(lambda: len(accounts.names()) == most)
        asked.clear()
        for name in accounts.names():
            await accounts.figures(name)
            await asyncio.to_thread(accounts.standing, name)
        return len(asked)

    settings = Settings(data_dir=tmp_path, database=SecretStr(postgres_url), node="a", require_endpoint=True)
    accounts = AccountServers(settings)
    (tmp_path / "default").mkdir()
    try:
        async with accounts.serving(lambda name: True):
            with psycopg.connect(postgres_url, autocommit=True) as connection:
                prepare(connection)
            monkeypatch.setattr(psycopg.Cursor, "execute", counted)
            held_elsewhere(range(2))
            few = await statements(3)
            held_elsewhere(range(2, 40))
            many = await statements(41)
            # One more or less: what looks now and then falls into either.
            assert few > 0 and many < few + 38, "of the account of this node alone"
    finally:
        accounts.close()
        monkeypatch.undo()
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute("DROP SCHEMA whatsapp_mcp CASCADE")
