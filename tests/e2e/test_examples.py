"""Every example runs, on the simulator."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx2

from whatsapp_mcp.webhooks.signing import signed_headers

EXAMPLES = Path(__file__).parents[2] / "examples"


def play(*command: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WHATSAPP_MCP_")}
    played = subprocess.run(
        [sys.executable, *command], env=kept, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )
    assert played.returncode == 0, played.stderr
    return played.stdout


def test_send_and_wait() -> None:
    assert "Ana: Friday at 7 works for me" in play(str(EXAMPLES / "send_and_wait.py"), "Ana", "Dinner on Friday?")


def test_auto_reply() -> None:
    lines = play(str(EXAMPLES / "auto_reply.py"), "--messages", "3").splitlines()
    assert lines == ["Echo: hello", "Echo: 1: you wrote 5 characters", "Echo: 2: you wrote 25 characters"]


def test_webhook_receiver() -> None:
    """What it takes, and prints once, is what the server sends: see `test_webhooks.py`."""
    key = b"k" * 32
    secret = f"whsec_{base64.b64encode(key).decode()}"
    command = [sys.executable, str(EXAMPLES / "webhook_receiver.py"), "--port", "0", "--events", "2"]
    environment = os.environ | {"WEBHOOK_SECRET": secret}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            assert receiver.stdout is not None
            url = receiver.stdout.readline().strip()

            def post(message_id: str, data: object, key: bytes, at: float) -> int:
                body = json.dumps({"type": "message", "data": data}).encode()
                return httpx2.post(
                    url, content=body, headers=signed_headers(key, message_id, body, at=int(at))
                ).status_code

            said = {"sender_name": "Ana", "message": {"content": "hello"}}
            assert post("msg_1", said, b"x" * 32, time.time()) == 401
            assert post("msg_1", said, key, time.time() - 1_000) == 401
            assert [post("msg_1", said, key, time.time()) for _ in range(2)] == [204, 204]
            assert post("msg_2", said | {"sender_name": "Ben"}, key, time.time()) == 204
            assert receiver.wait(20) == 0
            assert receiver.stdout.read().splitlines() == ["Ana: hello", "Ben: hello"]
        finally:
            receiver.kill()


def test_every_program_here_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert {path.name for path in EXAMPLES.glob("*.py")} <= set(text.split(chr(34)))
