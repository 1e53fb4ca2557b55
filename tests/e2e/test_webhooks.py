"""A program that is no MCP client is told what happens, by a process of its own, whatever fails in between."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
from examples.webhook_receiver import is_authentic

from tests.e2e.harness import Host, paired, until
from tests.e2e.test_inbox import arrived
from tests.unit.webhooks.receiver import Got, answer, receiving
from whatsapp_mcp.simulator.people.contact import VirtualContact


async def command(data_dir: Path, *arguments: str) -> str:
    """`whatsapp-mcp webhook …`."""
    words = [sys.executable, "-m", "whatsapp_mcp", "webhook", *arguments, "--data-dir", str(data_dir)]
    done = await anyio.run_process(words, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def texts(got: list[Got]) -> list[str]:
    return [one.json["data"].get("message", {}).get("content", one.json["type"]) for one in got]


async def listed(data_dir: Path) -> Any:
    """What is known of each webhook, by its name."""
    return {one["name"]: one for one in json.loads(await command(data_dir, "list", "--json"))}


async def test_webhooks(tmp_path: Path) -> None:
    settings = {"WHATSAPP_MCP_TYPING_EVENTS": "true"}
    async with receiving() as receiver, receiving() as dead, paired(tmp_path, **settings) as (simulator, host):
        ana, ben = await simulator.add_contact("Ana"), await simulator.add_contact("Ben")
        before = ana.say("before there was a webhook")
        await arrived(host, message_id=before.id)
        dead.answering = lambda _: answer(503)
        await command(host.data_dir, "add", dead.url, "--allow", "loopback", "--name", "dead")
        secret = await command(
            host.data_dir, "add", receiver.url, "--allow", "loopback", "--chats", f"+{ana.number}", "--name", "bot"
        )
        receiver.answering = lambda number: answer(500 if number < 2 else 200)
        said = ana.say("one")
        await until(lambda: len(receiver.got) >= 1, what="the first try")
        await host.call("appReconnect")
        await until(lambda: len(receiver.got) >= 3, what="the third try")
        assert len({one.id for one in receiver.got}) == 1, "each try has the same id"
        assert texts(receiver.got) == ["one", "one", "one"]
        ben.say("not for this webhook")
        ana.react("👍", said)
        ana.say("two")
        await until(lambda: len(receiver.got) >= 5, what="what came after it")
        assert texts(receiver.got[3:]) == ["reaction", "two"], "in order; a dead receiver holds nobody up"
        assert all(is_authentic(one.headers, one.body, secret, _time_of(one)) for one in receiver.got)
        await until(lambda: dead.got, what="a try of the other one")
        with anyio.fail_after(120):  # it is written down after the answer
            while True:
                found = await listed(host.data_dir)
                if (found["bot"]["state"], found["dead"]["state"]) == ("ok", "failing"):
                    break
        assert secret not in json.dumps(found)
        await command(host.data_dir, "test", "bot")
        assert texts(receiver.got[5:]) == ["test"]
        audit = host.data_dir / "default" / "audit.jsonl"
        noted = '"transport":"webhook"'
        await until(lambda: audit.read_text().count(noted) >= 3, what="the record of what was delivered")
        assert audit.read_text().count(noted) == 3
        assert "two" not in audit.read_text()
        await typing_is_told_of_the_moment(host, ana)
        await command(host.data_dir, "remove", "dead")
        await command(host.data_dir, "remove", "bot")


async def typing_is_told_of_the_moment(host: Host, ana: VirtualContact) -> None:
    """Here, because it is a setting of the account."""
    seen: list[Any] = []

    async def wait() -> None:
        while not seen:
            seen.extend((await host.call("waitForEvent", kinds=["typing"], timeout=5))["data"])

    with anyio.fail_after(120):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            while not seen:
                ana.typing(recording=True)
                await anyio.sleep(0.2)
    assert (seen[0]["kind"], seen[0]["status"], seen[0]["sender_name"]) == ("typing", "recording", "Ana")


def _time_of(one: Got) -> float:
    return float(one.headers["webhook-timestamp"])
