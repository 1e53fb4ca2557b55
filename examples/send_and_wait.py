"""Send one message and print the answer.

python examples/send_and_wait.py Ana "Dinner on Friday?"              # on a simulated WhatsApp, no phone needed
python examples/send_and_wait.py --real +49... "Dinner on Friday?"    # on the account that you link by QR code
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

import segno
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.types import TextContent


async def call(client: Client, tool: str, **arguments: Any) -> Any:
    """``results`` of one tool call; a failure ends the program with what the server says to do next."""
    result = await client.call_tool(tool, arguments)
    body = json.loads(next(block.text for block in result.content if isinstance(block, TextContent)))
    if result.is_error:
        sys.exit(f"{tool}: {body['message']}\n{body['next_step']}")
    return body.get("results")


async def main() -> None:
    parser = argparse.ArgumentParser(description="Send one WhatsApp message through MCP and print the answer.")
    parser.add_argument("--real", action="store_true", help="use your own account instead of the simulator")
    parser.add_argument("recipient", help="number, JID, or exact name of a contact")
    parser.add_argument("text")
    options = parser.parse_args()

    command = ["stdio", "--toolsets", "all"] + ([] if options.real else ["--simulated"])
    server = StdioServerParameters(command=sys.executable, args=["-m", "whatsapp_mcp", *command])
    async with Client(server) as client:
        login = await call(client, "appLogin")
        if "qr_text" in login:
            segno.make_qr(login["qr_text"]).terminal(compact=True)
            print("Scan it with WhatsApp on the phone: Linked devices > Link a device")
        cursor = (await call(client, "waitForMessage", timeout=0))["cursor"]
        sent = await call(client, "sendMessage", phone=options.recipient, message=options.text)
        print("sent", sent["message_id"])
        waited = await call(client, "waitForMessage", phone=sent["chat_jid"], cursor=cursor, timeout=45)
        print(
            "no answer"
            if waited["timed_out"]
            else f"{waited['message']['sender_name']}: {waited['message']['content']}"
        )


if __name__ == "__main__":
    asyncio.run(main())
