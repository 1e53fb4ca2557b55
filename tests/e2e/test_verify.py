"""`whatsapp-mcp verify`, as its owner starts it, on a simulator of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from whatsapp_mcp.offline.verify.steps import STEPS

LIMIT = 500
"""Seconds; four side logins, each with two starts of neonize."""


STRANGE = {"direction": "received", "path": "ib/edge_routing", "attributes": {"ttl": ["number"]}, "content": [""]}


def command(*options: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WHATSAPP_MCP_")}
    command = [sys.executable, "-m", "whatsapp_mcp", *options]
    return subprocess.run(command, env=kept, capture_output=True, text=True, timeout=LIMIT, check=False)


def test_every_step_is_as_expected_and_nothing_differs_from_the_simulator(tmp_path: Path) -> None:
    report, record = tmp_path / "report.md", tmp_path / "stanzas.jsonl"
    ran = command("verify", "--simulated", "--yes", "--report", str(report), "--record", str(record), "--json")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = json.loads(ran.stdout)
    assert (told["as_expected"], told["left_behind"]) == (True, [])
    assert [(step["step"], step["outcome"]) for step in told["steps"]] == [(step.name, "as expected") for step in STEPS]
    text = report.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines() if line.startswith("| ")][1:]
    assert [(row[1], row[3]) for row in rows] == [(step.name, "as expected") for step in STEPS]
    assert "- service: simulator\n" in text
    assert "- left behind: nothing\n" in text
    shapes = record.read_text(encoding="utf-8")
    for secret in ("12025550100", "265624176097205", "Robin", "Ana", "3EB0", "Friday", str(tmp_path)):
        assert secret not in text, secret
        assert secret not in shapes, secret
    assert "@" not in text
    paths = {json.loads(line)["path"] for line in shapes.splitlines()}
    assert {"message[text]/enc", "success", "iq[get usync]/usync/list/user", "ack[message]"} <= paths  # neonize's
    assert "iq[set w:sync:app:state]/sync/collection/patch" in paths  # a side login's

    compared = command("simulate", "--compare", str(record))
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert compared.stdout.startswith("Nothing differs")
    with record.open("a", encoding="utf-8") as file:
        file.write(json.dumps(STRANGE) + "\n")
    compared = command("simulate", "--compare", str(record))
    assert compared.returncode == 1
    assert compared.stdout.startswith("never made: ib/edge_routing ttl=(number)\n")


def test_an_account_that_is_not_linked_is_not_verified(tmp_path: Path) -> None:
    ran = command("verify", "--yes", "--data-dir", str(tmp_path / "data"))
    assert ran.returncode == 2
    assert "the account default is not linked" in ran.stderr
    assert "whatsapp-mcp login" in ran.stderr
