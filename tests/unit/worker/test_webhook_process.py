"""The process that delivers webhooks is there when there are any, and only then."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.unit.waiting import soon
from whatsapp_mcp.pipe.webhooks import WebhooksBegin
from whatsapp_mcp.worker import webhook_process
from whatsapp_mcp.worker.webhook_process import WebhookProcess

PROGRAM = """
import sys
with open(sys.argv[1], "ab", 0) as file:
    for line in sys.stdin.buffer:
        file.write(line)
    file.write(b"ended\\n")
"""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the process that stands in for the deliverer is told."""
    path = tmp_path / "told"
    path.touch()
    monkeypatch.setattr(webhook_process, "COMMAND", (sys.executable, "-c", PROGRAM, str(path)))
    return path


def begins(folder: Path) -> WebhooksBegin:
    return WebhooksBegin(
        account="default",
        store=str(folder / "messages.db"),
        book=str(folder / "webhooks.json"),
        progress=str(folder / "progress.json"),
        policy=str(folder / "policy.toml"),
        preset="careful",
        audit=str(folder / "audit.jsonl"),
        log_level="INFO",
    )


async def test_none_without_webhooks(tmp_path: Path, written: Path) -> None:
    for process in (WebhookProcess(begins(tmp_path)), WebhookProcess(None)):
        process.stored()
        await process.end()
    assert written.read_text() == ""


async def test_it_is_told_of_what_is_stored_and_ends_with_the_session(tmp_path: Path, written: Path) -> None:
    (tmp_path / "webhooks.json").touch()
    process = WebhookProcess(begins(tmp_path))
    process.stored()
    await soon(lambda: '"account":"default"' in written.read_text())
    process.stored()
    await soon(lambda: written.read_text().endswith("stored\n"))
    await process.end()
    assert written.read_text().endswith("stored\nended\n")
    process.stored()
    await process.end()
    assert written.read_text().count('"account"') == 1, "after the end there is no other"


async def test_one_that_died_is_started_again_after_a_while(
    tmp_path: Path, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "webhooks.json").touch()
    process = WebhookProcess(begins(tmp_path))
    process.stored()
    await soon(lambda: '"account"' in written.read_text())
    assert process._process is not None
    process._process.kill()
    await process._process.wait()
    process.stored()
    assert process._starting is None, "not at once"
    monkeypatch.setattr(webhook_process, "AGAIN", 0.0)
    process.stored()
    await soon(lambda: written.read_text().count('"account"') == 2)
    await process.end()
