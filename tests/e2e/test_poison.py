"""What nobody would write costs nothing but its own row: the short form of ``python -m bench.poison``."""

from __future__ import annotations

from pathlib import Path

import anyio
from bench.poison import play

from tests.e2e.harness import Host
from tests.e2e.shared import SharedAccount
from whatsapp_mcp.simulator import VirtualContact


async def test_broken_messages(tmp_path: Path) -> None:
    with anyio.fail_after(300):
        figures = await play(400, seed=2, home=tmp_path)
    assert figures.ok, figures


async def test_odd_receipts_do_not_keep_the_account_away(shared: SharedAccount) -> None:
    """neonize does not know their kind; by itself, its event pump would end with each."""
    async with shared.borrowed() as (simulator, host):
        eve, ana = await simulator.add_contact("Eve"), await simulator.add_contact("Ana")
        ana.say("hello")
        await host.call("waitForMessage", phone=ana.number, cursor="0", timeout=40)
        told = await host.call("sendMessage", phone=eve.number, message="hello")
        for number in range(20):
            eve.send_receipt(simulator.phone.account.lid, [told["message_id"]], "kind-of-tomorrow")
            ana.say(f"innocent {number}")
        with anyio.fail_after(120):
            while {f"innocent {number}" for number in range(20)} - set(await contents(host, ana)):
                await anyio.sleep(0.05)
        status = await host.call("appStatus")
        assert (status["state"], status["restarts"]) == ("connected", 0)


async def contents(host: Host, contact: VirtualContact) -> list[str]:
    rows = (await host.call("getChatMessages", chat_jid=contact.number, limit=100))["data"]
    return [row["content"] for row in rows]
