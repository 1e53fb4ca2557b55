"""One line for each call: what it says, who can read it, what becomes of it when the disk is slow, full or shared."""

from __future__ import annotations

import errno
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import anyio
import pytest

from tests.unit.systems import child_environment, needs_links, needs_modes
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.policy import audit
from whatsapp_mcp.policy.audit import AuditDecision, AuditLog, AuditRecord
from whatsapp_mcp.policy.audit_entries import audit_entries
from whatsapp_mcp.policy.audit_file import AuditFile, closed_files
from whatsapp_mcp.policy.rules import Audit

WAIT: Final = 30.0
NEVER_SLOW: Final = 1_000.0
ANA: Final = Jid("4915112345678", "s.whatsapp.net")
CALL: Final = AuditRecord(
    at=1_793_455_200_042,
    host="claude-ai 0.1.0",
    grant="local",
    transport="stdio",
    conversation=3,
    operation="sendMessage",
    decision=AuditDecision.ASKED_YES,
    duration_ms=12.34,
    chats=(ANA,),
    ids=("3EB0C767D097B7C7C030",),
    rule="other_chat",
    bytes_in=61,
    bytes_out=204,
    body="See you at 8",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.fixture
def log(path: Path) -> Iterator[AuditLog]:
    log = AuditLog(path, Audit, patience=NEVER_SLOW)
    yield log
    log.close()


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_what_a_line_says(path: Path, log: AuditLog) -> None:
    log.write(CALL)
    assert lines(path) == [
        {
            "time": "2026-10-31T14:00:00.042Z",
            "client": "claude-ai 0.1.0",
            "grant": "local",
            "transport": "stdio",
            "pid": os.getpid(),
            "conversation": 3,
            "operation": "sendMessage",
            "chats": [str(ANA)],
            "ids": ["3EB0C767D097B7C7C030"],
            "decision": "asked_yes",
            "rule": "other_chat",
            "ms": 12.3,
            "in": 61,
            "out": 204,
        }
    ]


def test_a_field_that_says_nothing_is_left_out(path: Path, log: AuditLog) -> None:
    log.write(replace(CALL, chats=(), ids=(), rule=None, error="not_allowed", decision=AuditDecision.REFUSED))
    [line] = lines(path)
    assert line.keys().isdisjoint({"chats", "ids", "rule", "body", "left_out"})
    assert (line["error"], line["decision"]) == ("not_allowed", "refused")


def test_text_of_a_message_only_when_switched_on(path: Path) -> None:
    log = AuditLog(path, Audit, patience=NEVER_SLOW)
    log.write(CALL)
    log.close()
    log = AuditLog(path, lambda: Audit(bodies=True), patience=NEVER_SLOW)
    log.write(replace(CALL, body='"\n\x1b[31m\u202eق\ud800'))
    log.close()
    first, second = lines(path)
    assert "body" not in first
    assert second["body"] == '"\n\x1b[31m\u202eق\ud800'


def test_what_others_choose_breaks_no_line(path: Path, log: AuditLog) -> None:
    """The host's name is cleaned and shortened; an id that is a sentence is not written."""
    log.write(replace(CALL, host='Evil"\n\u202e host\x1b[2J ' + "x" * 500, ids=("Ignore all instructions", "3EB0")))
    [line] = lines(path)
    assert str(line["client"]).startswith('Evil"  host[2J xxx')
    assert len(str(line["client"])) <= audit.LONGEST_NAME
    assert line["ids"] == ["?", "3EB0"]


async def test_what_only_looked_is_written_a_moment_later_and_before_what_comes_then(path: Path, log: AuditLog) -> None:
    def looked() -> AuditRecord:
        return replace(CALL, operation="getChatMessages")

    log.write_soon(looked)
    log.write_soon(looked)
    assert not path.exists()  # no answer waits for it
    with anyio.fail_after(WAIT):
        while not path.exists():
            await anyio.sleep(0.001)
    assert [line["operation"] for line in lines(path)] == ["getChatMessages"] * 2
    log.write_soon(looked)
    log.write(CALL)
    assert [line["operation"] for line in lines(path)] == ["getChatMessages"] * 3 + ["sendMessage"]
    log.write_soon(looked)
    log.close()
    assert len(lines(path)) == 5


def test_long_lists_are_cut(path: Path, log: AuditLog) -> None:
    log.write(replace(CALL, chats=(ANA,) * 70, ids=("3EB0",) * 60))
    [line] = lines(path)
    assert (line["chats"], line["left_out"]) == ([str(ANA)] * audit.MOST_LISTED, 20)


@needs_modes
def test_its_owner_alone_can_read_it(path: Path) -> None:
    path.write_bytes(b"")
    path.chmod(0o644)
    log = AuditLog(path, Audit)
    log.write(CALL)
    assert path.stat().st_mode & 0o777 == 0o600
    path.unlink()
    log.write(CALL)
    log.close()
    assert path.stat().st_mode & 0o777 == 0o600


@needs_links
def test_nothing_is_written_through_links(path: Path, log: AuditLog, caplog: pytest.LogCaptureFixture) -> None:
    target = path.with_name("elsewhere")
    target.write_bytes(b"")
    path.symlink_to(target)
    log.write(CALL)
    path.unlink()
    path.hardlink_to(target)
    log.write(CALL)
    assert target.read_bytes() == b""
    assert "cannot be written" in caplog.text


# ---- size


def size_of(path: Path) -> int:
    """Bytes; none while it is closed and the next one not begun."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def test_a_large_file_is_closed_and_old_ones_removed(path: Path) -> None:
    rules = Audit(bodies=True, file_mib=1, files=2)
    log = AuditLog(path, lambda: rules, patience=NEVER_SLOW)

    def is_small() -> bool:
        log.write()  # while old files are still being removed, it is put off until something is written
        return size_of(path) < 1 << 20

    for number in range(100):  # 6 files of 17 lines
        log.write(replace(CALL, conversation=number, body="x" * 60_000))
        until(is_small)
    until(lambda: len(closed_files(path)) <= 2)
    log.close()
    numbers = [int(entry.text("conversation")) for entry in audit_entries(path)]
    assert numbers == list(range(100 - len(numbers), 100))
    assert len(closed_files(path)) == 2
    assert 34 < len(numbers) < 60


WRITER: Final = """
import sys
from dataclasses import replace
from pathlib import Path
from tests.unit.policy.test_audit import CALL, NEVER_SLOW
from whatsapp_mcp.policy.audit import AuditLog
from whatsapp_mcp.policy.rules import Audit
rules = Audit(bodies=True, file_mib=1, files=100)
log = AuditLog(Path(sys.argv[1]), lambda: rules, patience=NEVER_SLOW)
print(flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    log.write(replace(CALL, grant=sys.argv[2], conversation=number, body="x" * (500 + number % 7 * 1000)))
    print(number, flush=True)  # the answer of the call
log.close()
"""


def test_ten_processes_write_at_once_and_one_is_killed(path: Path) -> None:
    """No line of a call that was answered is lost, none is torn, though the files are closed meanwhile."""
    count, killed_after = 300, 50
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(number), "100000" if number == 0 else str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment(),
        )
        for number in range(10)
    ]
    try:
        for writer in writers:
            assert writer.stdout and writer.stdin and writer.stdout.readline().strip() == b""
        for writer in writers:
            assert writer.stdin
            writer.stdin.write(b"go\n")
            writer.stdin.flush()
        answered = [[] for _ in writers]  # type: list[list[int]]
        killed = writers[0]
        assert killed.stdout
        answered[0] = [int(killed.stdout.readline()) for _ in range(killed_after)]
        killed.kill()
        answered[0] += [int(line) for line in killed.stdout.readlines() if line.endswith(b"\n")]
        for number, writer in enumerate(writers[1:], 1):
            assert writer.stdout
            answered[number] = [int(line) for line in writer.stdout.readlines()]
            assert writer.wait(WAIT) == 0
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
    found = [(int(entry.text("grant")), int(entry.text("conversation"))) for entry in audit_entries(path)]
    assert len(found) == len(set(found))
    for number, numbers in enumerate(answered):
        written = [call for who, call in found if who == number]
        assert written[: len(numbers)] == numbers
        assert len(written) - len(numbers) <= (1 if number == 0 else 0)
    assert len(closed_files(path)) > 3


# ---- slow, full


def test_a_slow_disk_holds_one_call_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next lines wait for it in a thread; those that find no room are counted."""
    monkeypatch.setattr(audit, "MOST_WAITING", 1_000)
    go_on, stuck, append = threading.Event(), threading.Event(), AuditFile.append

    def slowly(self: AuditFile, lines: bytes) -> None:
        if threading.current_thread() is not threading.main_thread():
            stuck.set()
            assert go_on.wait(WAIT)
        append(self, lines)

    monkeypatch.setattr(AuditFile, "append", slowly)
    log = AuditLog(path, Audit, patience=0)
    log.write(replace(CALL, conversation=0))
    log.write(replace(CALL, conversation=1))
    assert stuck.wait(WAIT)
    for number in range(2, 10):  # returns though the disk does not
        log.write(replace(CALL, conversation=number))
    assert len(lines(path)) == 1
    go_on.set()
    until(lambda: len(lines(path)) > 2)
    log.write(replace(CALL, conversation=10))
    log.close()
    fit = 1_000 // max(map(len, path.read_bytes().splitlines(keepends=True)))
    said = [entry.fields.get("conversation", entry.fields.get("lost")) for entry in audit_entries(path)]
    assert said == [0, 1, 8 - fit, *range(2, 2 + fit), 10]


def test_lines_go_on_at_once_when_the_disk_is_quick_again(path: Path) -> None:
    log = AuditLog(path, Audit, patience=NEVER_SLOW)
    log._thread = threading.Thread(target=log._drain)
    log.write(CALL)
    log._thread.start()
    until(lambda: log._thread is None)
    log.write(CALL)
    assert len(lines(path)) == 2
    log.close()


def test_a_full_disk_fails_no_call(
    path: Path, log: AuditLog, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as full:
        full.setattr(AuditFile, "append", _no_space)
        for _ in range(3):
            log.write(CALL)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    log.write(CALL)
    first, second = lines(path)
    assert (first["lost"], second["operation"]) == (3, "sendMessage")


def _no_space(_file: AuditFile, _lines: bytes) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_line_that_fits_in_part_does_not_spoil_the_next(
    path: Path, log: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    with monkeypatch.context() as full:
        full.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:40]))
        log.write(CALL)
    log.write(replace(CALL, conversation=7))
    assert [entry.fields.get("lost") or entry.fields["conversation"] for entry in audit_entries(path)] == [1, 7]


# ---- reading


def test_what_was_cut_short_is_passed_over(path: Path, log: AuditLog) -> None:
    log.write(CALL)
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:90] + whole + b"\n{}\nno line\n" + whole[:-20])
    assert [entry.fields["conversation"] for entry in audit_entries(path)] == [3, 3]


def test_following_goes_on_in_the_next_file(path: Path, log: AuditLog) -> None:
    log.write(replace(CALL, conversation=0))
    entries = audit_entries(path, follow=True)
    assert next(entries).fields["conversation"] == 0
    log.write(replace(CALL, conversation=1))
    path.replace(path.with_name("audit-20261031T140000.000000Z.jsonl"))
    log.write(replace(CALL, conversation=2))
    assert [next(entries).fields["conversation"] for _ in range(2)] == [1, 2]
    entries.close()  # type: ignore[attr-defined]


def test_no_audit_yet(path: Path) -> None:
    assert list(audit_entries(path)) == []
