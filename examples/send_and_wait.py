"""Send one message and print the answer.

python examples/send_and_wait.py Ana "Dinner on Friday?"              # on a simulated WhatsApp, no phone needed
python examples/send_and_wait.py --real +49... "Dinner on Friday?"    # on the account that you link by QR code
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import segno

from whatsapp_mcp.client import CallError, connect


async def show(qr_text: str) -> None:
    segno.make_qr(qr_text).terminal(compact=True)
    print("Scan it with WhatsApp on the phone: Linked devices > Link a device")


async def main() -> None:
    parser = argparse.ArgumentParser(description="Send one WhatsApp message and print the answer.")
    parser.add_argument("--real", action="store_true", help="use your own account instead of the simulator")
    parser.add_argument("recipient", help="number, JID, or exact name of a contact")
    parser.add_argument("text")
    options = parser.parse_args()

    async with connect(simulated=not options.real) as whatsapp:
        await whatsapp.link(show)
        sent = await whatsapp.send(options.recipient, options.text)
        print("sent", sent.message_id)
        answer = await whatsapp.next_message(sent.chat_jid)
        print(f"{answer.sender_name}: {answer.text}" if answer else "no answer")


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except CallError as error:
        sys.exit(str(error))
