"""What nobody would write costs nothing but its own row: the short form of ``python -m bench.poison``."""

from __future__ import annotations

import zlib
from pathlib import Path

import anyio
import pytest
from bench.poison import play

from tests.e2e.harness import Host, chats_with
from tests.e2e.shared import SharedAccount
from whatsapp_mcp.simulator import HistoryChat, HistoryMessage, VirtualContact
from whatsapp_mcp.simulator.people import phone_history
from whatsapp_mcp.wire.protos import e2e


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


class Breaking:
    """Stands for zlib where the phone packs a history: the text MARK??? becomes a card without what Go requires."""

    @staticmethod
    def compress(data: bytes) -> bytes:
        broken = data.replace(b"\x0a\x07MARK???", b"\x0a\x04card\xa2\x02\x00")
        assert broken != data
        return zlib.compress(broken)


async def test_a_message_that_go_does_not_read_costs_no_other_of_its_history(
    shared: SharedAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shared.borrowed() as (simulator, host):
        eve, ana = await simulator.add_contact("Eve"), await simulator.add_contact("Ana")
        evil = e2e.Message(extendedTextMessage=e2e.ExtendedTextMessage(text="MARK???"))
        told = (
            HistoryChat(eve, [HistoryMessage(evil, author=eve)]),
            HistoryChat(ana, [HistoryMessage("hi", author=ana)]),
        )
        monkeypatch.setattr(phone_history, "zlib", Breaking)
        simulator.phone.share_history(list(told))
        with anyio.fail_after(120):
            while not await chats_with(host, ana) or not await chats_with(host, eve):
                await anyio.sleep(0.05)
        assert (await contents(host, ana), await contents(host, eve)) == (["hi"], ["card"])
        assert await host.call("sendMessage", phone=eve.number, message="yes", reply_message_id=told[0].messages[0].id)


async def contents(host: Host, contact: VirtualContact) -> list[str]:
    rows = (await host.call("getChatMessages", chat_jid=contact.number, limit=100))["data"]
    return [row["content"] for row in rows]
