"""The audit where a database is set: all nodes write into one table, and it is read as the files are."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import pytest

from tests.unit.policy.test_audit import CALL
from tests.unit.systems import CHILD_LIMIT
from whatsapp_mcp.policy.audit import AuditLog
from whatsapp_mcp.policy.audit_entries import audit_entries
from whatsapp_mcp.policy.audit_table import AuditTable
from whatsapp_mcp.policy.rules import Audit
from whatsapp_mcp.postgres import connected
from whatsapp_mcp.whereabouts import PostgresSchema, told

END_THOSE = (
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
    " WHERE application_name = 'whatsapp-mcp' AND pid <> pg_backend_pid()"
)


@pytest.fixture
def log(postgres_schema: PostgresSchema) -> Iterator[AuditLog]:
    log = AuditLog(postgres_schema, Audit)
    yield log
    log.close()


def operations(where: PostgresSchema) -> list[str]:
    return [entry.text("operation") for entry in audit_entries(where)]


def test_a_line_is_the_one_that_the_file_would_have(log: AuditLog, postgres_schema: PostgresSchema) -> None:
    assert operations(postgres_schema) == []
    log.write(CALL)
    log.close()
    (entry,) = audit_entries(postgres_schema)
    assert entry.fields["operation"] == "sendMessage"
    assert entry.fields["chats"] == [str(CALL.chats[0])]
    assert entry.fields["decision"] == "asked_yes"
    assert "body" not in entry.fields


def test_no_call_waits_for_the_database(log: AuditLog, postgres_schema: PostgresSchema) -> None:
    """While somebody holds the table, lines wait in a thread, in their order."""
    log.write(replace(CALL, operation="first"))
    log.close()
    with connected(postgres_schema) as other:
        other.execute("LOCK TABLE audit IN ACCESS EXCLUSIVE MODE")
        took = []
        for name in ("second", "third", "fourth"):
            began = time.monotonic()
            log.write(replace(CALL, operation=name))
            took.append(time.monotonic() - began)
        assert min(took) < 1
        other.rollback()
    log.close()
    assert operations(postgres_schema) == ["first", "second", "third", "fourth"]


def test_after_the_database_ended_the_connection_nothing_is_missing(
    log: AuditLog, postgres_schema: PostgresSchema
) -> None:
    log.write(replace(CALL, operation="first"))
    log.close()
    log.write(replace(CALL, operation="second"))
    with connected(postgres_schema) as other:
        while len(operations(postgres_schema)) < 2:
            time.sleep(0.05)
        other.execute(END_THOSE)
    log.write(replace(CALL, operation="third"))
    log.close()
    assert operations(postgres_schema) == ["first", "second", "third"]


def test_what_cannot_be_written_is_counted_and_said_without_a_password(caplog: pytest.LogCaptureFixture) -> None:
    log = AuditLog(PostgresSchema("postgresql://ana:secret@/chats?host=/nowhere", "wa_work"), Audit)
    with caplog.at_level(logging.WARNING):
        log.write(CALL)
        log.close()
    (said,) = caplog.messages
    assert "cannot be reached" in said
    assert "secret" not in said


WRITE = """
import sys
from tests.unit.policy.test_audit import CALL
from dataclasses import replace
from whatsapp_mcp.policy.audit import AuditLog
from whatsapp_mcp.policy.rules import Audit
from whatsapp_mcp.whereabouts import whereabouts_of
log = AuditLog(whereabouts_of(sys.stdin.readline().strip()), Audit)
for number in range(50):
    log.write(replace(CALL, operation=f"{sys.argv[1]}.{number}"))
log.close()
"""


def test_nodes_that_write_at_once_lose_no_line(postgres_schema: PostgresSchema) -> None:
    command = [sys.executable, "-c", WRITE]
    running = [subprocess.Popen([*command, node], stdin=subprocess.PIPE, text=True) for node in ("a", "b", "c")]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(f"{told(postgres_schema)}\n")
        process.stdin.close()
    assert [process.wait(CHILD_LIMIT) for process in running] == [0, 0, 0]
    found = operations(postgres_schema)
    for node in "abc":
        assert [name for name in found if name.startswith(node)] == [f"{node}.{number}" for number in range(50)]
    assert len(found) == 150


def test_who_follows_sees_what_comes(log: AuditLog, postgres_schema: PostgresSchema) -> None:
    log.write(replace(CALL, operation="before"))
    log.close()
    seen: list[str] = []
    entries = islice(audit_entries(postgres_schema, follow=True), 2)
    reading = threading.Thread(target=lambda: seen.extend(entry.text("operation") for entry in entries), daemon=True)
    reading.start()
    log.write(replace(CALL, operation="after"))
    log.close()
    reading.join(CHILD_LIMIT)
    assert seen == ["before", "after"]


def test_the_oldest_lines_go_when_there_are_too_many(postgres_schema: PostgresSchema) -> None:
    table = AuditTable(postgres_schema)
    entries = [{"time": "2026-01-01T00:00:00Z", "operation": f"{number:02}"} for number in range(60)]
    lines = [json.dumps(entry, separators=(",", ":")) for entry in entries]
    for line in lines:
        table.append(f"{line}\n".encode())
    size = len(lines[30]) + 1
    table.keep_small(10 * size, 1)
    assert table._closing is not None
    table._closing.join(CHILD_LIMIT)
    table.close()
    assert operations(postgres_schema) == [f"{number:02}" for number in range(40, 60)]
