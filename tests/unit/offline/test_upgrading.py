"""A data directory that version 0.1.0 left is used by this one as it is.

data_0_1_0.zip was written by the program of that version through its own interfaces: a store, a policy with its book,
webhooks, a token, the ledger of a session process, an audit, and a backup of all that. It is never made anew: a later
version adds one of its own beside it.
"""

from __future__ import annotations

import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.store.build import ANA, BORIS, GROUP, Store, message

from whatsapp_mcp.cli import cli
from whatsapp_mcp.offline.diagnosis.checks import Verdict
from whatsapp_mcp.offline.diagnosis.data import check_store
from whatsapp_mcp.offline.diagnosis.report import store_status
from whatsapp_mcp.offline.figures import figures_of
from whatsapp_mcp.offline.webhooks import list_webhooks
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.policy.audit_entries import audit_entries
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.policy.tokens import TokenBook
from whatsapp_mcp.private_files import ensure_private_folder, write_private
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.version import SCHEMA_VERSION

WRITTEN = Path(__file__).with_name("data_0_1_0.zip")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    with zipfile.ZipFile(WRITTEN) as archive:
        for name in archive.namelist():
            path = tmp_path / "data" / name
            ensure_private_folder(path if name.endswith("/") else path.parent)
            if not name.endswith("/"):
                write_private(path, archive.read(name))
    return Settings(data_dir=tmp_path / "data")


def check_messages(settings: Settings) -> None:
    store = Store(settings.store_path)
    assert store.reader.stats().schema_version == SCHEMA_VERSION
    assert store.texts(ANA) == ["", "mine", "good morning"]
    assert store.texts(ANA, "morning") == ["good morning"]
    assert store.texts(GROUP) == ["what to eat", "lunch?"]
    poll, edited, mine = (store.reader.message(id_, chat) for id_, chat in (("G2", GROUP), ("A1", ANA), ("A2", ANA)))
    assert poll is not None
    assert edited is not None
    assert mine is not None
    assert [(one.option, one.voters) for one in poll.votes] == [("pizza", ()), ("soup", (BORIS,))]
    assert edited.starred
    assert [one.emoji for one in mine.reactions] == ["❤"]
    store.apply([message("N1", 90, "new")])
    assert store.texts(ANA)[0] == "new"
    store.close()


def test_the_messages_are_there(settings: Settings) -> None:
    check_messages(settings)
    checks = {check.name: check.verdict for check in check_store(store_status(settings.store_path))}
    assert checks["store"] is Verdict.OK


def test_the_policy_and_what_it_remembers_hold_on(settings: Settings) -> None:
    file = PolicyFile(settings.policy_path, "careful")
    assert file.problem is None
    assert file.rules.limits.sends_per_day > 0
    with closing(PolicyBook(settings.policy_book_path)) as book:
        ((rule, chat),) = [(one.rule, one.chat) for one in book.standing()]
    assert (rule, chat) == ("files", ANA)


def test_webhooks_tokens_ledger_and_audit_are_read(settings: Settings) -> None:
    (webhook,) = list_webhooks(settings)
    assert (webhook.name, webhook.kinds, webhook.delivered) == ("hook", ("message", "reaction"), 4)
    ((token, _),) = [found for found in TokenBook.of(settings).tokens() if found[0].name == "reader"]
    assert (token.grant.scope, token.grant.chats) == ("read", ("groups",))
    ended = Ledger.read(settings.ledger_path).ended
    assert ended is not None
    assert ended.reason == "unused"
    (entry,) = audit_entries(settings.audit_path)
    assert (entry.text("operation"), entry.texts("ids")) == ("sendMessage", ["A2"])


def test_what_is_counted_of_it(settings: Settings) -> None:
    Store(settings.store_path).close()
    found = figures_of(settings)
    assert (found.messages, found.webhooks.delivered, found.approvals) == (5, 4, 0)


def test_its_backup_is_restored(settings: Settings, tmp_path: Path) -> None:
    elsewhere = Settings(data_dir=tmp_path / "new")
    result = CliRunner().invoke(
        cli, ["restore", str(settings.data_dir / "backup.zip"), "--data-dir", str(elsewhere.data_dir)]
    )
    assert result.exit_code == 0, result.output
    check_messages(elsewhere)
    assert [one.name for one in list_webhooks(elsewhere)] == ["hook"]
