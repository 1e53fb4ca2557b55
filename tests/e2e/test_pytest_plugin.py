"""The plugin, used as a bot's test uses it: in a project of its own, which has nothing but the package."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

BOT_TEST = """\
import pytest

async def greet(whatsapp):
    message = await whatsapp.next_message()
    await whatsapp.send(message.chat_jid, f"Hello {message.sender_name}", reply_to=message)

async def it_greets(whatsapp_server, contact):
    ana = contact("Ana")
    ana.say("Hi!")
    await greet(whatsapp_server)
    answer = await ana.wait_for_message()
    assert answer.text == "Hello Ana"

async def test_run_by_the_plugin_itself(whatsapp_server, contact):
    await it_greets(whatsapp_server, contact)

@pytest.mark.asyncio
async def test_run_by_asyncio(whatsapp_server, contact):
    await it_greets(whatsapp_server, contact)

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_run_by_anyio(whatsapp_server, contact, anyio_backend):
    await it_greets(whatsapp_server, contact)

async def test_it_fails(whatsapp_server):
    assert (await whatsapp_server.call("listChats"))["pagination"]["total"] == 17

def test_plain(whatsapp):
    pass
"""


def play(folder: Path, test: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_bot.py").write_text(test, encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WHATSAPP_MCP_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *options]
    return subprocess.run(
        command, cwd=folder, env=kept, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


def test_a_bot_is_tested(tmp_path: Path) -> None:
    """By whichever plugin runs async tests; what fails shows the assertion itself, not groups of it."""
    played = play(tmp_path, BOT_TEST, "-o", "asyncio_mode=strict")
    assert "3 passed" in played.stdout, played.stdout + played.stderr
    assert "assert 0 == 17" in played.stdout
    assert "ExceptionGroup" not in played.stdout
    assert "choose that as anyio_backend" in played.stdout
    assert "A test with a simulated WhatsApp is an `async def`." in played.stdout
    assert "3 failed" in played.stdout


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
    played = play(tmp_path, test, "-o", "asyncio_mode=auto")
    assert played.returncode == 0, played.stdout + played.stderr


def test_a_bot_that_runs_for_ever(tmp_path: Path) -> None:
    """What it raises ends the test at once; what the server refused is in the report; the policy is the test's own."""
    test = """\
import asyncio
from contextlib import suppress
from types import SimpleNamespace

import pytest
import pytest_asyncio
from whatsapp_mcp.client import CallError, connect

@pytest.fixture
def whatsapp_policy():
    return "[limits]\\nsends_per_minute = 1\\n"

async def to_bruno(whatsapp):
    async for message in whatsapp.messages():
        await whatsapp.send("Bruno", message.text)

async def to_bruno_or_not(whatsapp, refused):
    with suppress(CallError):
        await to_bruno(whatsapp)
    refused.set()

async def test_it_dies(whatsapp_server, whatsapp_bot, contact):
    ana, bruno = contact("Ana"), contact("Bruno", saved=True)
    await whatsapp_bot(to_bruno(whatsapp_server))
    ana.say("tell Bruno")
    await bruno.wait_for_message(timeout=3_000)

async def test_it_says_nothing(whatsapp_server, whatsapp_bot, contact):
    ana, bruno = contact("Ana"), contact("Bruno", saved=True)
    refused = asyncio.Event()
    await whatsapp_bot(to_bruno_or_not(whatsapp_server, refused))
    ana.say("tell Bruno secretly")
    await refused.wait()
    await bruno.wait_for_message(timeout=1)  # none comes

@pytest_asyncio.fixture
async def too_early(whatsapp_server):
    await whatsapp_server.send("Ana", "hi")

async def test_in_a_fixture(too_early):
    pass

async def answering(options):
    async with connect() as whatsapp:
        async for message in whatsapp.messages():
            while True:
                try:
                    await whatsapp.reply(message, "yes")
                    break
                except CallError as error:
                    await options.sleep(error.retry_after)

async def test_limits(whatsapp_account, whatsapp_bot, contact):
    pauses = []

    async def sleep(seconds):
        pauses.append(seconds)
        whatsapp_account.policy_file.write_text("[limits]\\nsends_per_minute = 2\\n")

    await whatsapp_bot(answering(SimpleNamespace(sleep=sleep)))
    ana, bruno = contact("Ana"), contact("Bruno", saved=True)
    for one in (ana, bruno):
        one.say("Do you answer everybody?")
        assert (await one.wait_for_message()).text == "yes"
    assert [0 < seconds <= 60 for seconds in pauses] == [True]

async def test_a_program_that_ends(whatsapp_account, whatsapp_bot):
    await whatsapp_bot(asyncio.sleep(0))
"""
    played = play(tmp_path, test, "-o", "asyncio_mode=auto")
    shown = played.stdout + played.stderr
    assert "2 failed, 2 passed, 1 error" in shown, shown
    assert "CallError: sendMessage: the owner has to agree first" in shown
    assert "ExceptionGroup" not in shown
    assert "WhatsApp: calls that failed" in shown
    assert "tell Bruno secretly" in shown
    assert '"code": "confirmation_needed"' in shown
    assert "an async fixture runs before that" in shown
    assert "was made just now" not in shown


def test_the_test_on_the_page_of_the_simulator(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    shown = [block for block in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "async def test_" in block]
    assert len(shown) == 1
    assert "1 passed" in play(tmp_path, shown[0], "-o", "asyncio_mode=auto").stdout
