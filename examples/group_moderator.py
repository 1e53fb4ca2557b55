"""Whoever asks to join a group is let in by its admin's yes, asked one by one in the terminal.

    python examples/group_moderator.py "Book club"

The program proposes, a person decides: the question that the server's policy asks before it changes a group goes to the
same terminal, and nothing happens without a yes.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable

from whatsapp_mcp.client import WhatsApp, connect

Ask = Callable[[str], Awaitable[bool]]


async def ask_in_terminal(question: str) -> bool:
    answer = await asyncio.to_thread(input, f"{question} [y/N] ")
    return answer.strip().lower() in ("y", "yes")


async def moderate(whatsapp: WhatsApp, group: str, ask: Ask, *, decisions: int | None = None) -> None:
    """Decide on everybody who waits, and on everybody who asks from now on."""
    decided: set[str] = set()
    await whatsapp.position()  # before the list is read, so that nobody who asks meanwhile is missed
    asked = whatsapp.events("join_request", chat=group)
    while decisions is None or len(decided) < decisions:
        waiting = (await whatsapp.call("getGroupParticipantRequests", group_id=group)).get("data", [])
        for person in waiting:
            if person["jid"] in decided:
                continue
            decided.add(person["jid"])
            who = person.get("name") or person["jid"].partition("@")[0]
            tool = "approveGroupParticipantRequest" if await ask(f"Let {who} in?") else "rejectGroupParticipantRequest"
            await whatsapp.call(tool, group_id=group, participants=[person["jid"]])
        if decisions is None or len(decided) < decisions:
            await anext(asked)


async def main() -> None:
    parser = argparse.ArgumentParser(description="Decide who joins a group.")
    parser.add_argument("group", help="its exact name, or its JID")
    options = parser.parse_args()
    async with connect(confirm=ask_in_terminal) as whatsapp:
        await moderate(whatsapp, options.group, ask_in_terminal)


if __name__ == "__main__":
    asyncio.run(main())
