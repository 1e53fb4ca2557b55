"""Answers "ping" with "pong", in every chat in which it is written, until it is stopped.

    python examples/ping_bot.py

It is for your own account, which `whatsapp-mcp login` links. Its test: test_ping_bot.py.
"""

from __future__ import annotations

import asyncio
import logging

from whatsapp_mcp.client import CallError, IncomingMessage, WhatsApp, connect

log = logging.getLogger("ping_bot")


async def answer(whatsapp: WhatsApp, message: IncomingMessage) -> None:
    if message.text.strip().lower() != "ping":
        return
    while True:
        try:
            # The key makes it one answer, also when it is tried again.
            await whatsapp.reply(message, "pong", idempotency_key=f"pong {message.message_id}")
            return
        except CallError as error:
            if error.retry_after is None:  # one answer that does not go out is no reason to stop
                log.error("no answer to %s: %s", message.message_id, error)
                return
            await asyncio.sleep(error.retry_after)  # a limit of the policy was reached; messages wait meanwhile


async def run(whatsapp: WhatsApp) -> None:
    async for message in whatsapp.messages():
        await answer(whatsapp, message)


async def main() -> None:
    async with connect() as whatsapp:
        await whatsapp.link()
        await run(whatsapp)


if __name__ == "__main__":
    asyncio.run(main())
