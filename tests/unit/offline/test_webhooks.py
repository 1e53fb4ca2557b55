"""`whatsapp-mcp webhook`, and what status and doctor say of webhooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.unit.store.build import ANA, NOW, Store, message
from tests.unit.webhooks.written import write_progress

from whatsapp_mcp.cli import cli
from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.models.events import KEPT, USUAL, EventKind
from whatsapp_mcp.offline.diagnosis.configuration import check_webhooks
from whatsapp_mcp.offline.diagnosis.report import webhook_statuses
from whatsapp_mcp.offline.webhooks import add_webhook, list_webhooks, remove_webhook, resume_webhook, shown_url
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.webhooks.book import WebhookBook
from whatsapp_mcp.webhooks.progress import Standing

URL = "https://bot.example.com/hook?key=secret"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(data_dir=tmp_path)
    settings.account_dir.mkdir(mode=0o700)
    store = Store(settings.store_path)
    store.apply([message("A1", 1), message("A2", 2)])
    store.close()
    return settings


def test_it_begins_with_what_happens_from_now_on(settings: Settings) -> None:
    made = add_webhook(settings, URL, chats=(f"+{ANA.user}",))
    assert (made.name, made.since, made.kinds) == ("botexamplecom", 2, USUAL)
    assert add_webhook(settings, URL, kinds="all").kinds == KEPT
    assert add_webhook(settings, URL, kinds=" reaction, vote").kinds == (EventKind.REACTION, EventKind.VOTE)
    assert [one.name for one in list_webhooks(settings)] == ["botexamplecom", "botexamplecom-2", "botexamplecom-3"]


@pytest.mark.parametrize(
    ("url", "options", "said"),
    [
        ("http://bot.example.com", {}, "https"),
        (URL, {"kinds": "mesage"}, "did you mean message"),
        (URL, {"kinds": ","}, "names none"),
        (URL, {"kinds": "typing"}, "no kind"),
        (URL, {"name": "../x"}, "cannot be called"),
    ],
)
def test_what_cannot_be(settings: Settings, url: str, options: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        add_webhook(settings, url, **options)  # type: ignore[arg-type]
    assert list_webhooks(settings) == ()


def test_lists_show_no_secret_and_how_it_does(settings: Settings) -> None:
    made = add_webhook(settings, URL, name="bot")
    (shown,) = list_webhooks(settings)
    assert (shown.url, shown.state) == ("https://bot.example.com/hook?…", "ok")
    failing = Standing(failing_since=NOW, error="it answered 503", delivered=3, delivered_at=NOW)
    write_progress(settings.webhook_progress_path, {made.id: failing})
    assert [check.verdict for check in check_webhooks(settings)] == ["warning"]
    write_progress(settings.webhook_progress_path, {made.id: failing.model_copy(update={"stopped_at": NOW})})
    (stopped,) = check_webhooks(settings)
    assert (stopped.verdict, stopped.message) == ("problem", "bot is stopped: it answered 503")
    assert [(one.name, one.state) for one in webhook_statuses(settings)] == [("bot", "stopped")]
    resume_webhook(settings, "bot", skips=True)
    assert list_webhooks(settings)[0].state == "ok"
    assert WebhookBook(settings.webhooks_path).named("bot").since == 2
    remove_webhook(settings, "bot")
    assert list(check_webhooks(settings)) == []
    with pytest.raises(NotFound):
        resume_webhook(settings, "bot", skips=False)


def test_a_damaged_file_is_a_problem(settings: Settings) -> None:
    settings.webhooks_path.write_text("{")
    settings.webhooks_path.chmod(0o600)
    assert [check.verdict for check in check_webhooks(settings)] == ["problem"]
    assert webhook_statuses(settings) == ()


def test_urls_are_shown_without_keys() -> None:
    assert shown_url("https://a.example/b") == "https://a.example/b"
    assert shown_url("https://a.example:8443/b?token=1") == "https://a.example:8443/b?…"


def test_the_commands(settings: Settings) -> None:
    run, place = CliRunner(), ["--data-dir", str(settings.data_dir)]
    added = run.invoke(cli, ["webhook", "add", "http://127.0.0.1:1/", "--allow", "loopback", "--name", "bot", *place])
    assert added.exit_code == 0, added.output
    assert added.stdout.startswith("whsec_")
    shown = run.invoke(cli, ["webhook", "list", *place]).output
    assert "bot: http://127.0.0.1:1/" in shown
    assert "whsec_" not in shown
    tried = run.invoke(cli, ["webhook", "test", "bot", *place])
    assert (tried.exit_code, "it cannot be reached" in tried.output) == (1, True)
    assert run.invoke(cli, ["webhook", "resume", "bot", "--skip", *place]).exit_code == 0
    assert run.invoke(cli, ["webhook", "remove", "bot", *place]).exit_code == 0
    assert run.invoke(cli, ["webhook", "remove", "bot", *place]).exit_code == 4
