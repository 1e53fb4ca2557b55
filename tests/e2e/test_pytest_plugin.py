"""The plugin, used as a bot's test uses it: in a project of its own, which has nothing but the package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BOT_TEST = """\
import pytest

async def greet(whatsapp):
    message = await whatsapp.next_message()
    await whatsapp.send(message.chat_jid, f"Hello {message.sender_name}", reply_to=message)

MARKS
async def test_it_greets(whatsapp_server, contact):
    ana = contact("Ana")
    ana.say("Hi!")
    await greet(whatsapp_server)
    answer = await ana.wait_for_message()
    assert answer.text == "Hello Ana"
"""


def play(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_bot.py").write_text(test, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WHATSAPP_MCP_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *options]
    return subprocess.run(
        command, cwd=folder, env=kept, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    ("marks", "options"),
    [
        ("", ("-p", "no:asyncio", "-p", "no:anyio")),
        ("@pytest.mark.asyncio", ()),
        ("", ("-o", "asyncio_mode=auto")),
        ("@pytest.mark.anyio\n@pytest.mark.parametrize('anyio_backend', ['asyncio'])", ()),
    ],
    ids=["no plugin for async tests", "asyncio, strict", "asyncio, auto", "anyio"],
)
def test_a_bot_is_tested(tmp_path: Path, marks: str, options: tuple[str, ...]) -> None:
    played = play(tmp_path, BOT_TEST.replace("MARKS", marks), *options)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "1 passed" in played.stdout


def test_a_bot_with_a_server_of_its_own(tmp_path: Path) -> None:
    """It starts it as it always does; in the test, that is on the simulated account, whatever is set outside."""
    test = """\
from whatsapp_mcp.client import connect

async def test_it_asks(whatsapp_account, contact):
    contact("Bruno", saved=True)
    async with connect() as whatsapp, whatsapp_account.connect() as another:
        assert await whatsapp.link() is False
        sent = await whatsapp.send("Bruno", "Coffee?")
        rows = (await another.call("getChatMessages", chat_jid=sent.chat_jid))["data"]
        assert [row["content"] for row in rows] == ["Coffee?"]
"""
    played = play(tmp_path, test)
    assert played.returncode == 0, played.stdout + played.stderr


def test_what_a_failure_shows(tmp_path: Path) -> None:
    """The assertion itself, not groups of it, and what the server said."""
    test = """\
async def test_it_fails(whatsapp_server):
    assert (await whatsapp_server.call("listChats"))["pagination"]["total"] == 17
"""
    played = play(tmp_path, test)
    assert played.returncode == 1
    assert "assert 0 == 17" in played.stdout
    assert "ExceptionGroup" not in played.stdout


def test_a_test_that_cannot_be(tmp_path: Path) -> None:
    test = """\
import pytest

def test_plain(whatsapp):
    pass

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_trio(whatsapp, anyio_backend):
    pass
"""
    played = play(tmp_path, test)
    assert played.returncode == 1
    assert "A test with a simulated WhatsApp is an `async def`." in played.stdout
    assert "choose that as anyio_backend" in played.stdout
