"""`whatsapp-mcp export` of a conversation that was held over the simulator, while the server runs."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import anyio

from tests.e2e.harness import Json, environment, paired
from tests.e2e.test_messages import row_where


async def exported(tmp_path: Path, *options: str) -> str:
    command = [sys.executable, "-m", "whatsapp_mcp", "export", "--data-dir", str(tmp_path / "data"), *options]
    ran = await anyio.run_process(command, env=environment(tmp_path / "endpoint.json"), check=False)
    assert ran.returncode == 0, ran.stderr.decode()
    return ran.stdout.decode()


def as_shown(value: Any) -> Any:
    """As the tools show it: times without milliseconds, reactions without their time."""
    if isinstance(value, list):
        hidden = {"reacted_at", "is_from_me"}
        return [{name: one[name] for name in one.keys() - hidden} if isinstance(one, dict) else one for one in value]
    return re.sub(r"(T\d\d:\d\d:\d\d)\.\d{3}Z$", r"\1Z", value) if isinstance(value, str) else value


async def test_a_conversation_is_exported(tmp_path: Path) -> None:
    async with paired(tmp_path) as (simulator, host):
        ana = await simulator.add_contact("Ana")
        sent = await host.call("sendMessage", phone=ana.number, message="Shall we meet?")
        question = await ana.wait_for_message()
        reply = ana.say("Yes,\nat 8", reply_to=question)
        ana.react("👍", question)
        await row_where(host, ana.number, message_id=reply.id)
        ana.edit(reply, "Yes,\nat 9")
        await row_where(host, ana.number, message_id=reply.id, content="Yes,\nat 9")
        gone = ana.say("oops")
        ana.revoke(gone)
        await row_where(host, ana.number, message_id=gone.id, revoked=True)
        hidden = ana.say("not for an archive")
        await row_where(host, ana.number, message_id=hidden.id)
        await host.call("deleteMessage", message_id=hidden.id, phone=ana.number)
        await row_where(host, ana.number, message_id=sent["message_id"], status=None)  # it is read

        listed = (await host.call("getChatMessages", chat_jid=ana.number, detail="full"))["data"]
        rows: list[Json] = [json.loads(line) for line in (await exported(tmp_path, "--chat", "Ana")).splitlines()]
        assert [row["message_id"] for row in rows] == [sent["message_id"], reply.id, gone.id]
        for row in listed:  # all that the tools show, and more
            (same,) = (one for one in rows if one["message_id"] == row["message_id"])
            # Our own name may be learned just now, and `id` is the name of message_id in the seed.
            shown = row.keys() - {"updated_at", "sender_name", "id"}
            assert {name: as_shown(same.get(name)) for name in shown} == {name: row[name] for name in shown}
        ours, theirs, deleted = rows
        assert ours["reactions"][0]["emoji"] == "👍"
        assert ours["receipts"][0]["jid"] == f"{ana.number}@s.whatsapp.net"
        assert (theirs["content"], theirs["original_content"]) == ("Yes,\nat 9", "Yes,\nat 8")
        assert theirs["sender_name"] == "Ana"
        assert theirs["reply_to_content"] == "Shall we meet?"
        assert (deleted["revoked"], deleted["content"]) == (True, "")

        target = tmp_path / "ana.txt"
        await exported(tmp_path, "--format", "text", "--output", str(target))
        lines = target.read_text(encoding="utf-8").splitlines()
        assert f"=== Ana ({ana.number}@s.whatsapp.net) ===" in lines
        talk = [line.partition("] ")[2] or line for line in lines if line.startswith(("[", " "))]
        assert talk == [
            "You: Shall we meet?",
            "    reactions: 👍 Ana",
            'Ana: (in reply to You: "Shall we meet?") Yes,',
            "    at 9 (edited)",
            "Ana: <deleted>",
        ]
