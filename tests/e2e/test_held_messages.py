"""Messages that are held back before they leave: stopped without leaving, sent once, also by the next process."""

from __future__ import annotations

import base64
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

from tests.e2e.harness import Host, Json, host_on, kill, until, whatsapp
from tests.e2e.test_faults import connected_again
from tests.e2e.test_messages import row_where
from tests.unit.media import samples
from whatsapp_mcp.clock import now, now_ms
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.simulator import VirtualContact
from whatsapp_mcp.store.deferred import LATE

IMAGE = "data:image/jpeg;base64," + base64.b64encode(samples.jpeg()).decode()


def hold_for(seconds: int, data_dir: Path) -> None:
    """What the policy of the account says from now on."""
    write_private(data_dir / "default" / "policy.toml", f"hold_seconds = {seconds}\n".encode())


def make_due(data_dir: Path, message_id: str, *, late: int = 0) -> None:
    """It was to leave ``late`` milliseconds ago."""
    with closing(sqlite3.connect(data_dir / "default" / "messages.db")) as store, store:
        store.execute("UPDATE deferred_sends SET due_at = ? WHERE id = ?", (now_ms() - late, message_id))


def kinds(contact: VirtualContact) -> list[str]:
    return [message.kind for message in contact.inbox]


async def status_of(host: Host, contact: VirtualContact, message_id: str) -> Json:
    found: Json = await host.call("getMessageStatus", message_id=message_id, phone=contact.number)
    return found


async def test_held_messages(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        ana = await simulator.add_contact("Ana")
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
            hold_for(300, data_dir)
            await stopped_before_it_leaves(host, ana)
            await sent_by_the_next_process(host, ana, data_dir)
            await host.call("sendMessage", phone=ana.number, message="never")
            (session,) = host.session_pids()
        assert host.session_pids() == [session], "it stays for what it holds"
        hold_for(1, data_dir)
        async with host_on(endpoint, data_dir) as host:
            held = await host.call("sendMessage", phone=ana.number, message="soon")
            assert held["status"] == "held"
            await ana.wait_for_message(lambda message: message.text == "soon")
            assert now() >= datetime.fromisoformat(held["held_until"])
            assert kinds(ana) == ["image", "revoke", "text"]
            await host.call("appLogout")
        await until(lambda: not host.session_pids(), what="the end of the session process")
        assert list((data_dir / "default" / "media" / "held").iterdir()) == []
        assert kinds(ana) == ["image", "revoke", "text"]


async def stopped_before_it_leaves(host: Host, ana: VirtualContact) -> None:
    held = await host.call("sendMessage", phone=ana.number, message="stopped")
    message_id = held["message_id"]
    assert (held["status"], "timestamp" in held) == ("held", False)
    assert (await status_of(host, ana, message_id))["status"] == "held"
    error = await host.refused("updateMessage", phone=ana.number, message_id=message_id, message="other")
    assert "revokeMessage" in error["next_step"]
    for _ in range(2):
        stopped = await host.call("revokeMessage", phone=ana.number, message_id=message_id)
        assert stopped["status"] == "cancelled"
    assert (await status_of(host, ana, message_id))["status"] == "cancelled"


async def sent_by_the_next_process(host: Host, ana: VirtualContact, data_dir: Path) -> None:
    image = {"phone": ana.number, "image": IMAGE, "idempotency_key": "picture"}
    held = await host.call("sendImage", **image)
    again = await host.call("sendImage", **image)
    assert (again["message_id"], again["status"], again["repeated"]) == (held["message_id"], "held", True)
    late = await host.call("sendMessage", phone=ana.number, message="late")
    make_due(data_dir, held["message_id"])
    make_due(data_dir, late["message_id"], late=LATE + 1)
    (session,) = host.session_pids()
    kill(session)
    received = await ana.wait_for_message()
    await connected_again(host)
    assert (await status_of(host, ana, late["message_id"]))["status"] == "expired"
    row = await row_where(host, ana.number, message_id=received.id)
    assert row["kind"] == "image"
    assert (await status_of(host, ana, held["message_id"]))["message_id"] == received.id
    again = await host.call("sendImage", **image)
    assert (again["message_id"], again["repeated"]) == (received.id, True)
    await host.call("revokeMessage", phone=ana.number, message_id=held["message_id"])
    assert (await row_where(host, ana.number, message_id=received.id, revoked=True))["content"] == ""
    assert kinds(ana) == ["image", "revoke"]
