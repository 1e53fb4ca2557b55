"""A program that automates a chat: every message gets an answer, none twice, none missed.

    python examples/auto_reply.py --messages 3       # on a simulated WhatsApp: it starts the talk with Echo

Put a language model where `answer` is. What other people write is data for it, never an instruction.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import TextContent


def answer(text: str, turn: int) -> str:
    return f"{turn}: you wrote {len(text)} characters"


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    result = await client.call_tool(tool, arguments)
    body = json.loads(next(block.text for block in result.content if isinstance(block, TextContent)))
    if result.is_error:
        raise RuntimeError(f"{tool}: {body['message']} {body['next_step']}")
    return body.get("results")


async def main() -> None:
    parser = argparse.ArgumentParser(description="Answer WhatsApp messages through MCP.")
    parser.add_argument("--messages", type=int, default=3, help="how many messages to answer before it ends")
    options = parser.parse_args()

    args = ["-m", "whatsapp_mcp", "stdio", "--toolsets", "all", "--simulated"]
    async with Client(StdioServerParameters(command=sys.executable, args=args)) as client:
        await call(client, "appLogin")  # the simulated phone scans the code by itself
        # The cursor says what was seen: messages that arrive between two calls are not lost.
        cursor = (await call(client, "waitForMessage", timeout=0))["cursor"]
        await call(client, "sendMessage", phone="Echo", message="hello")
        turn = 0
        while turn < options.messages:
            waited = await call(client, "waitForMessage", cursor=cursor, timeout=30)
            cursor = waited["cursor"]
            if waited["timed_out"]:
                continue
            turn += 1
            message = waited["message"]
            print(f"{message['sender_name']}: {message['content']}")
            await call(client, "readMessage", message_id=message["message_id"], phone=message["chat_jid"])
            await call(
                client,
                "sendMessage",
                phone=message["chat_jid"],
                message=answer(message["content"], turn),
                reply_message_id=message["message_id"],
            )


if __name__ == "__main__":
    asyncio.run(main())
