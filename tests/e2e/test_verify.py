"""`whatsapp-mcp verify`, as its owner starts it, on a simulator of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from whatsapp_mcp.offline.verify.steps import STEPS

LIMIT = 500
"""Seconds; four side logins, each with two starts of neonize."""


def verify(*options: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WHATSAPP_MCP_")}
    command = [sys.executable, "-m", "whatsapp_mcp", "verify", *options]
    return subprocess.run(command, env=kept, capture_output=True, text=True, timeout=LIMIT, check=False)


def test_every_step_is_as_expected_and_the_report_says_so(tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    ran = verify("--simulated", "--yes", "--report", str(report))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    text = report.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.startswith("| ")][1:]
    assert [(row[1], row[3]) for row in rows] == [(step.name, "as expected") for step in STEPS]
    assert "- service: simulator\n" in text
    assert "- left behind: nothing\n" in text
    for secret in ("12025550100", "Robin", "Ana", "3EB0", "Friday", "@", str(tmp_path)):
        assert secret not in text, secret


def test_an_account_that_is_not_linked_is_not_verified(tmp_path: Path) -> None:
    ran = verify("--yes", "--data-dir", str(tmp_path / "data"))
    assert ran.returncode == 2
    assert "the account default is not linked" in ran.stderr
    assert "appLogin" in ran.stderr
