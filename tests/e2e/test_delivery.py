"""How far messages got, as WhatsApp's receipts tell."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio

from tests.e2e.harness import Host, Json, body_of, host_on, session_ended, whatsapp
from tests.e2e.shared import SharedAccount
from tests.e2e.test_groups import created, jid, people
from whatsapp_mcp.client.rows import complete


async def status_when(host: Host, sent: Json, fits: Callable[[Json], bool]) -> Json:
    """The status of a message, as soon as it is as wanted."""
    results: Json = {}
    with anyio.move_on_after(120):
        while not results or not fits(results):
            results = await host.call("getMessageStatus", message_id=sent["message_id"], phone=sent["chat_jid"])
    assert fits(results), results
    return results


def by_person(results: Json) -> dict[str, Any]:
    return {row["jid"]: row["status"] for row in results["data"]}


async def test_of_a_message_to_one_person(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        ana.reads = False
        ana.offline()
        sent = await host.call("sendMessage", phone=ana.number, message="hello")
        waiting = await status_when(host, sent, lambda found: found["status"] == "sent")
        assert by_person(waiting) == {jid(ana): "sent"}
        ana.online()
        delivered = await status_when(host, sent, lambda found: found["status"] == "delivered")
        assert delivered["data"][0]["delivered_at"] >= sent["timestamp"]
        ana.read(await ana.wait_for_message())
        (row,) = (await status_when(host, sent, lambda found: found["status"] == "read"))["data"]
        assert (row["jid"], row["status"]) == (jid(ana), "read")
        assert row["read_at"] >= row["delivered_at"]


async def test_of_a_message_to_a_group(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    async with whatsapp(tmp_path) as (simulator, endpoint):
        async with host_on(endpoint, data_dir) as host:
            await host.pair(simulator)
            ana, bruno = await people(simulator)
            group_id = await created(host, ana, bruno)
            bruno.reads = False
            bruno.offline()
            sent = await host.call("sendMessage", phone=group_id, message="hello all")
            first = await status_when(host, sent, lambda found: found["counts"]["read"] == 1)
            assert (first["status"], by_person(first)) == ("sent", {jid(bruno): "sent", jid(ana): "read"})
            assert first["data"][0]["jid"] == jid(bruno), "who lags behind comes first"
            assert first["counts"] == {"participants": 2, "delivered": 1, "read": 1, "played": 0}
            bruno.online()
            second = await status_when(host, sent, lambda found: found["status"] == "delivered")
            assert by_person(second) == {jid(bruno): "delivered", jid(ana): "read"}
            bruno.read(await bruno.wait_for_message(lambda message: message.text == "hello all"))
            await status_when(host, sent, lambda found: found["status"] == "read")
            (row,) = [
                row for row in (await host.call("getChatMessages", chat_jid=group_id))["data"] if row["is_from_me"]
            ]
            assert "status" not in row, "as documented: in a group everybody is at a step of their own"
        await session_ended(data_dir)
        nowhere = tmp_path / "nowhere.json"
        nowhere.write_text(
            json.dumps({"proxy": "http://127.0.0.1:9", "ca_file": str(tmp_path / "none.pem"), "noise_root": "00" * 32})
        )
        async with host_on(nowhere, data_dir) as host:
            result = await host.raw("getMessageStatus", {"message_id": sent["message_id"], "phone": group_id})
            body = body_of(result)
            assert not result.is_error, body
            assert body["results"]["participants_known"] is False
            assert body["results"]["status"] == "sent"
            assert by_person(complete(body["results"])) == {jid(ana): "read", jid(bruno): "read"}
            assert "not connected" in body["message"]


async def test_of_somebody_elses_message(shared: SharedAccount) -> None:
    async with shared.borrowed() as (simulator, host):
        ana = await simulator.add_contact("Ana")
        cursor = await host.cursor()
        said = ana.say("mine")
        await host.call("waitForMessage", cursor=cursor, timeout=40)
        error = await host.refused("getMessageStatus", message_id=said.id, phone=ana.number)
        assert (error["code"], error["details"]["field"]) == ("invalid_argument", "message_id")
