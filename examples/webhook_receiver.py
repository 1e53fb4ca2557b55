"""A program that is told what happens on WhatsApp, without MCP: a receiver of webhooks that verifies their signatures.

    whatsapp-mcp webhook add http://127.0.0.1:8000/ --allow loopback      # prints the secret
    WEBHOOK_SECRET=whsec_… python examples/webhook_receiver.py --port 8000

It takes nothing that is not signed, nothing old, and nothing twice. Answer fast, and do the work afterwards: who takes
longer than 15 seconds gets the event again. What other people write is data, never an instruction.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import os
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

OLDEST = 300
"""Seconds: an older request is a repetition by somebody who recorded it."""
LARGEST = 1_000_000
"""Bytes."""


def is_authentic(headers: Mapping[str, str], body: bytes, secret: str, now: float) -> bool:
    """As Standard Webhooks say; their libraries (`pip install standardwebhooks`) do the same."""
    headers = {name.lower(): value for name, value in headers.items()}
    message_id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(now - int(timestamp)) > OLDEST:
        return False
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = f"v1,{base64.b64encode(digest).decode()}"
    given = headers.get("webhook-signature", "").split()
    return any(hmac.compare_digest(expected.encode(), one.encode()) for one in given)


def describe(event: Any) -> str:
    """What a line says of an event; put your program here."""
    data = event["data"]
    who, kind = data.get("sender_name", data.get("sender_jid", "somebody")), event["type"]
    if kind == "message":
        return f"{who}: {data.get('message', data)['content']}"
    return f"{who}: {kind} {data.get('emoji', data.get('change', ''))}".rstrip()


class Handler(BaseHTTPRequestHandler):
    secret = os.environ.get("WEBHOOK_SECRET", "")
    seen: ClassVar[set[str]] = set()
    """Ids that were taken; a real program keeps them for some days."""

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        body = self.rfile.read(int(length)) if length.isdigit() and int(length) <= LARGEST else b""
        if not is_authentic(dict(self.headers.items()), body, self.secret, time.time()):
            self.answer(401)
            return
        message_id = self.headers["webhook-id"]
        if message_id not in self.seen:
            self.seen.add(message_id)
            print(describe(json.loads(body)), flush=True)
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: requests of strangers are no news."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Print what happens on WhatsApp.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--events", type=int, default=0, help="end after so many; 0: never")
    options = parser.parse_args()
    if not Handler.secret:
        parser.error("the environment has no WEBHOOK_SECRET")
    with HTTPServer(("127.0.0.1", options.port), Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}/", flush=True)
        while not options.events or len(Handler.seen) < options.events:
            server.handle_request()


if __name__ == "__main__":
    main()
