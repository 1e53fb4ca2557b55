"""An inbox for customers, over HTTP, by two agents: one reads and cannot send, one sends and does not read.

    whatsapp-mcp serve
    export READER=$(whatsapp-mcp token create support-reader --scope read)
    export SENDER=$(whatsapp-mcp token create support-sender --scope send --toolsets sendMessage --sends-per-day 200)
    python examples/support_inbox.py http://127.0.0.1:8765/mcp

The reader sees what strangers write, and could be talked into anything: its token lets it change nothing. All that it
hands on is a topic, out of a list of its program's. The sender gets the topic and the chat, and sends the text that is
written here: no word of a stranger reaches what can send.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from dataclasses import dataclass

from whatsapp_mcp.client import IncomingMessage, WhatsApp, connect_http

ANSWERS = {
    "opening hours": "We are open Monday to Friday, 9 to 18 h.",
    "delivery": "Deliveries take two to three days. What is your order number?",
    "other": "Thank you for your message. Somebody of us answers today.",
}
WORDS = {"open": "opening hours", "hours": "opening hours", "deliver": "delivery", "parcel": "delivery"}


@dataclass(frozen=True)
class Ticket:
    """What the reader tells the sender."""

    chat_jid: str
    message_id: str
    topic: str


def topic_of(message: IncomingMessage) -> str:
    """Put a classifier or a language model here; what it says counts only if it is in the list."""
    found = next((topic for word, topic in WORDS.items() if word in message.text.lower()), "other")
    return found if found in ANSWERS else "other"


async def read(whatsapp: WhatsApp, tickets: asyncio.Queue[Ticket]) -> None:
    async for message in whatsapp.messages():
        if not message.is_group:
            await tickets.put(Ticket(message.chat_jid, message.message_id, topic_of(message)))


async def send(whatsapp: WhatsApp, tickets: asyncio.Queue[Ticket], *, answers: int | None) -> None:
    done = 0
    while answers is None or done < answers:
        ticket = await tickets.get()
        await whatsapp.call(
            "sendMessage",
            phone=ticket.chat_jid,
            message=ANSWERS[ticket.topic],
            reply_message_id=ticket.message_id,
            idempotency_key=f"support {ticket.message_id}",  # nobody is answered twice, whatever is restarted
        )
        print(f"answered about {ticket.topic}", flush=True)
        done += 1


async def main() -> None:
    parser = argparse.ArgumentParser(description="Answer customers' questions on WhatsApp.")
    parser.add_argument("url", help="of `whatsapp-mcp serve`, http://127.0.0.1:8765/mcp")
    parser.add_argument("--answers", type=int, help="end after so many answers")
    options = parser.parse_args()
    tickets: asyncio.Queue[Ticket] = asyncio.Queue(maxsize=100)
    async with (
        connect_http(options.url, os.environ["READER"]) as reader,
        connect_http(options.url, os.environ["SENDER"]) as sender,
    ):
        await reader.position()
        print("waiting for customers", flush=True)
        reading = asyncio.create_task(read(reader, tickets))
        try:
            await send(sender, tickets, answers=options.answers)
        finally:
            reading.cancel()


if __name__ == "__main__":
    asyncio.run(main())
