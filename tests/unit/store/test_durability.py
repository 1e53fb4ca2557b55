"""What ``apply`` returned for is stored, whatever happens to the process afterwards, and the store opens again."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from tests.unit.store.build import ANA, ANA_LID, Store
from tests.unit.systems import child_environment

PROGRAM = """
import sys
from pathlib import Path
from tests.unit.store.build import ANA, ANA_LID, Store, edit, message
from whatsapp_mcp.models.changes import IdentityLearned

store = Store(Path(sys.argv[1]))
start = store.writer.apply([])
for i in range(start, start + 100_000):
    changes = [message(f"M{i}-{j}", i, f"word{i} text", chat=ANA_LID if i % 2 else ANA) for j in range(3)]
    changes.append(edit(f"M{i}-2", i + 1, f"edited{i}", chat=changes[0].chat))
    if i % 50 == 49:
        changes.append(IdentityLearned(ANA_LID, ANA))
    store.apply(changes)
    print(i, flush=True)
"""


def test_a_killed_writer_loses_nothing_it_had_stored(tmp_path: Path) -> None:
    path = tmp_path / "messages.db"
    chance = random.Random(20)
    stored: list[int] = []
    for _ in range(5):
        stored += _write_until_killed(path, lines=chance.randrange(1, 60))
        store = Store(path)
        try:
            connection = store.writer._connection
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.execute("INSERT INTO message_search (message_search) VALUES ('integrity-check')")
            for i in stored:
                chat = ANA_LID if i % 2 else ANA
                assert store.texts(chat, f"word{i}") == [f"word{i} text"] * 2
                assert store.texts(chat, f"edited{i}") == [f"edited{i}"]
            count = store.reader.stats().messages
            assert count % 3 == 0  # all of a batch or nothing
            assert count >= 3 * len(stored)
        finally:
            store.close()


def _write_until_killed(path: Path, *, lines: int) -> list[int]:
    """Let another process write, kill it after so many commits; the numbers of the commits it told of."""
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(path)], stdout=subprocess.PIPE, text=True, cwd=root, env=child_environment()
    )
    assert process.stdout is not None
    told = []
    try:
        for line in process.stdout:
            told.append(int(line))
            if len(told) == lines:
                process.kill()
                break
        told += [int(line) for line in process.stdout.read().split()]
        process.wait(60)
    finally:
        process.kill()
        process.stdout.close()
        process.wait(60)
    assert len(told) >= lines
    return told
