"""Every example runs, on the simulator."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


def test_every_program_here_is_tested() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert {path.name for path in EXAMPLES.glob("*.py")} <= set(text.split(chr(34)))
