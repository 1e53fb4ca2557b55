"""`whatsapp-mcp audit`, run as a program and inside."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.policy.test_audit import ANA, CALL, NEVER_SLOW
from tests.unit.systems import CHILD_LIMIT, child_environment

from whatsapp_mcp.cli import cli
from whatsapp_mcp.cli.audit import _DECISIONS
from whatsapp_mcp.clock import to_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.offline.audit import AuditText, chosen_calls, read_calls
from whatsapp_mcp.policy.audit import AuditDecision, AuditLog, AuditRecord
from whatsapp_mcp.policy.audit_entries import audit_entries
from whatsapp_mcp.policy.rules import Audit
from whatsapp_mcp.settings import Settings

BEN = Jid("4915187654321", "s.whatsapp.net")
NOON = datetime(2026, 10, 31, 12, tzinfo=UTC)


def write(data: Path, *records: AuditRecord) -> Path:
    path = Settings(data_dir=data).audit_path
    path.parent.mkdir(parents=True, exist_ok=True)
    log = AuditLog(path, Audit, patience=NEVER_SLOW)
    for record in records:
        log.write(record)
    log.close()
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four calls: one in a closed file, three in the one that grows, an hour apart; the last one just now."""
    data = tmp_path / "data"
    path = write(data, replace(CALL, at=to_ms(NOON), operation="listChats", chats=(), conversation=0))
    path.replace(path.with_name("audit-20261031T123000.000000Z.jsonl"))
    write(
        data,
        replace(CALL, at=to_ms(NOON + timedelta(hours=1)), conversation=1),
        replace(CALL, at=to_ms(NOON + timedelta(hours=2)), chats=(BEN,), grant="bot", decision=AuditDecision.REFUSED,
                error="not_allowed", conversation=2),
        replace(CALL, at=to_ms(datetime.now(UTC)), host="Cursor 2.0 نص 微软", chats=(ANA, BEN), conversation=3),
    )  # fmt: skip
    return data


def run(data: Path, *arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(
        cli, ["audit", "--data-dir", str(data), *arguments], env={"COLUMNS": str(columns), "LINES": "30"}
    )


def numbers(data: Path, *arguments: str) -> list[int]:
    done = run(data, "--json", *arguments)
    assert done.exit_code == 0, done.output
    return [json.loads(line)["conversation"] for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), [0, 1, 2, 3]),
        (("--limit", "2"), [2, 3]),
        (("--limit", "0"), [0, 1, 2, 3]),
        (("--since", "2h"), [3]),
        (("--since", "2026-10-31T13:00:00Z", "--until", "2026-10-31T14:00:00Z"), [1, 2]),
        (("--until", "2026-10-31T12:59:00Z"), [0]),
        (("--operation", "listChats"), [0]),
        (("--chat", "+49 151 12345678"), [1, 3]),
        (("--chat", str(BEN)), [2, 3]),
        (("--client", "cursor"), [3]),
        (("--client", "BOT"), [2]),
        (("--decision", "refused"), [2]),
        (("--decision", "refused", "--client", "cursor"), []),
    ],
)
def test_filters(data: Path, arguments: tuple[str, ...], expected: list[int]) -> None:
    assert numbers(data, *arguments) == expected


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("--since", "yesterday"), ("--until", "31.10.2026"), ("--operation", "sendMesage"), ("--chat", "a@b@c")),
        *(("--chat", "Nobody"), ("--decision", "perhaps"), ("--limit", "-1"), ("--since", "999999w")),
    ],
)
def test_a_value_that_cannot_be_names_its_option(data: Path, option: str, value: str) -> None:
    done = run(data, option, value)
    assert done.exit_code in (2, 4)
    assert option in done.stderr
    assert "Traceback" not in done.output


def test_the_choices_are_all_decisions() -> None:
    assert set(_DECISIONS) == {each.value for each in AuditDecision}


@pytest.mark.parametrize("columns", [80, 40])
def test_calls_fit_the_terminal(data: Path, columns: int) -> None:
    lines = run(data, columns=columns).stdout.splitlines()
    assert max(map(len, lines)) <= columns
    text = " ".join(" ".join(lines).split())
    for part in (
        "claude-ai 0.1.0, local (stdio)",
        "claude-ai 0.1.0, bot (stdio)",
        "sendMessage",
        "asked_yes",
        "refused",
    ):
        assert part in text
    assert "+4915187654321" in text
    assert "not_allowed" in text


def test_a_wide_name_fits_too(tmp_path: Path) -> None:
    [entry] = audit_entries(write(tmp_path, replace(CALL, host="微" * 40)))
    assert all(2 * len(line) <= 40 for line in AuditText(40).lines(entry) if not line.isascii())


def test_nothing_was_written_down_yet(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    done = run(data)
    assert (done.exit_code, done.stdout) == (0, "")
    assert "No such call" in done.stderr


def test_whoever_reads_the_start_ends_it(data: Path) -> None:
    write(data, *(replace(CALL, conversation=number) for number in range(2_000)))
    program = subprocess.Popen(
        [sys.executable, "-m", "whatsapp_mcp", "audit", "--data-dir", str(data), "--limit", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=child_environment(),
    )
    assert program.stdout and program.stderr
    assert json.loads(program.stdout.readline())["operation"] == "listChats"
    program.stdout.close()
    assert program.wait(CHILD_LIMIT) == 141
    assert program.stderr.read() == b""
    program.stderr.close()


def test_what_comes_is_followed(data: Path) -> None:
    settings = Settings(data_dir=data)
    calls = read_calls(settings.audit_path, chosen_calls(settings, client="claude"), limit=1, follow=True)
    assert next(calls).fields["conversation"] == 2
    write(data, replace(CALL, host="other", conversation=8), replace(CALL, conversation=9))
    assert next(calls).fields["conversation"] == 9
    calls.close()  # type: ignore[attr-defined]
