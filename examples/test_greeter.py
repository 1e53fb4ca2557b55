"""A bot and its test: `pytest examples/test_greeter.py`. docs/simulator.md explains the fixtures."""

from __future__ import annotations

from collections.abc import Callable

from whatsapp_mcp.client import WhatsApp
from whatsapp_mcp.simulator import VirtualContact


async def greet_one(whatsapp: WhatsApp) -> None:
    message = await whatsapp.next_message()
    if message is not None:
        await whatsapp.send(message.chat_jid, f"Hello {message.sender_name}", reply_to=message)


async def test_it_greets(whatsapp_server: WhatsApp, contact: Callable[..., VirtualContact]) -> None:
    ana = contact("Ana")
    ana.say("Hi!")
    await greet_one(whatsapp_server)
    assert (await ana.wait_for_message()).text == "Hello Ana"
