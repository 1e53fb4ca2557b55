"""What is counted of an account from its files."""

from __future__ import annotations

from pathlib import Path

from tests.unit.store.build import Store, message
from tests.unit.webhooks.written import write_progress

from whatsapp_mcp.clock import now, now_ms
from whatsapp_mcp.models.figures import AccountFigures, WebhookFigures
from whatsapp_mcp.offline.figures import figures_of
from whatsapp_mcp.offline.webhooks import add_webhook
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.pipe.lines import Ended
from whatsapp_mcp.policy.book import PolicyBook
from whatsapp_mcp.policy.caller import Question
from whatsapp_mcp.policy.file import PolicyFile
from whatsapp_mcp.policy.limits import LimitKind, windows
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.webhooks.book import WebhookBook
from whatsapp_mcp.webhooks.progress import Standing


def test_an_account_that_nobody_used_yet(tmp_path: Path) -> None:
    found = figures_of(Settings(data_dir=tmp_path))
    assert (found.restarts, found.arrivals, found.messages, found.approvals) == (0, 0, 0, 0)
    assert found.bytes == {"messages": 0, "session": 0, "policy": 0}
    assert found.disk_free is None, "its folder is not there"
    assert found.webhooks == WebhookFigures()
    assert not list(tmp_path.iterdir()), "to look leaves nothing behind"


def test_what_is_in_its_files(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    store = Store(settings.store_path)
    add_webhook(settings, "https://example.org/hook")
    store.apply([message("1", 1), message("2", 2), message("3", 3)])
    store.close()
    (webhook,) = WebhookBook(settings.webhooks_path).webhooks()
    write_progress(settings.webhook_progress_path, {webhook.id: Standing(position=1, delivered=5, refused=2)})
    ledger = Ledger()
    ledger.start(1, "0.1.0", now())
    ledger.end(Ended(reason="crashed"), now())
    ledger.write(settings.ledger_path)
    book = PolicyBook(settings.policy_book_path)
    held = windows(PolicyFile(settings.policy_path, settings.policy).rules.limits)
    book.reserve({LimitKind.SENDS: 2}, held, now_ms())
    book.ask(Question("files", "…", "d" * 64), 5, now_ms())
    book.close()
    found = figures_of(settings)
    assert (found.restarts, found.arrivals, found.messages, found.approvals) == (1, 3, 3, 1)
    assert found.bytes["messages"] > 4_096
    assert found.bytes["policy"] > 0
    assert found.disk_free is not None
    assert {limit.name: limit.used for limit in found.limits}["sends_per_day"] == 2
    assert found.webhooks == WebhookFigures(states={"ok": 1}, behind=2, delivered=5, refused=2)


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    settings.account_dir.mkdir()
    for path in (settings.store_path, settings.policy_book_path, settings.webhooks_path):
        path.write_bytes(b"no such thing" * 100)
        path.chmod(0o600)
    found = figures_of(settings)
    assert (found.arrivals, found.messages, found.approvals, found.limits) == (None, None, None, ())
    assert found.webhooks == AccountFigures().webhooks
