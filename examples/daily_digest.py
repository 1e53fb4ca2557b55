"""What happened since yesterday, chat by chat, for a cron job or a timer.

    python examples/daily_digest.py --real                  # of your account, since the last digest
    python examples/daily_digest.py --real --since 24h
    python examples/daily_digest.py                         # on a simulated WhatsApp

It reads only: `toolsets` gives it nothing that sends. The store answers, so no phone has to be on.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import Any

from whatsapp_mcp.client import WhatsApp, connect

Chat = dict[str, Any]


def digest(chats: list[Chat]) -> str:
    """One line a chat, those that wait for an answer first."""
    lines = []
    for chat in sorted(chats, key=lambda chat: -chat.get("unanswered", 0)):
        line = f"{chat['chat_name']}: {chat.get('messages', 0)} new"
        for field, words in (("unanswered", "may wait for an answer"), ("mentions", "mention you")):
            if chat.get(field):
                line += f", {chat[field]} {words}"
        said = [line_["content"] for line_ in chat.get("lines", []) if line_.get("content")]
        lines.append(f"{line}. Last: {said[-1]}" if said else line)
    return "\n".join(lines) or "Nothing new."


async def make_news(whatsapp: WhatsApp) -> None:
    """Something for the simulated account to be told."""
    await whatsapp.link()
    for name in ("Ana", "Echo"):  # before anything is read: who has read Ana's words is asked before writing to Echo
        await whatsapp.send(name, "How are you?")
    for _ in range(2):
        await whatsapp.next_message()


async def main() -> None:
    parser = argparse.ArgumentParser(description="Print what happened on WhatsApp.")
    parser.add_argument("--real", action="store_true", help="use your own account instead of the simulator")
    parser.add_argument("--since", help="30m, 24h, 2d, or an ISO time; default: since the last digest")
    options = parser.parse_args()
    toolsets = "catchUp" if options.real else "all"
    async with connect(simulated=not options.real, toolsets=toolsets) as whatsapp:
        if not options.real:
            await make_news(whatsapp)
        print(digest([chat async for chat in whatsapp.rows("catchUp", since=options.since)]))


if __name__ == "__main__":
    asyncio.run(main())
