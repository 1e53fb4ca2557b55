"""A process takes away from itself what strangers' bytes must not use up."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import whatsapp_mcp
from tests.unit.systems import CHILD_LIMIT
from whatsapp_mcp.platform.own_limits import memory_in_use, ran_out_of_time

SOURCE = Path(whatsapp_mcp.__file__).parents[1]
BEGIN = "import os; from whatsapp_mcp.platform.own_limits import *; begin(os.getppid(), open_files=64);"
MIB = 1024 * 1024


def run(code: str) -> tuple[int, str]:
    """Exit code and output of a process that limits itself, then does ``code``."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(SOURCE), os.environ.get("PYTHONPATH", "")))}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=CHILD_LIMIT,
        check=False,
    )
    return done.returncode, done.stdout.strip()


def allowing(memory: str = "None", cpu_seconds: int = 30, file_bytes: int = MIB) -> str:
    return f"allow(memory={memory}, cpu_seconds={cpu_seconds}, file_bytes={file_bytes});"


def test_work_that_keeps_within_it() -> None:
    assert run(allowing(f"memory_in_use() + {256 * MIB}") + "print(len(bytes(1000)))") == (0, "1000")


def test_a_later_grant_takes_the_place_of_the_one_before() -> None:
    small, large = allowing(f"memory_in_use() + {MIB}"), allowing(f"memory_in_use() + {256 * MIB}")
    assert run(small + large + f"print(len(bytes({64 * MIB})))") == (0, str(64 * MIB))


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not enforce a limit on memory")
def test_memory() -> None:
    wasteful = f"\ntry:\n  bytes({512 * MIB})\nexcept MemoryError:\n  print('no more')"
    assert run(allowing(f"memory_in_use() + {64 * MIB}") + wasteful) == (0, "no more")


def test_time() -> None:
    code, _ = run(allowing(cpu_seconds=0) + "\nwhile True: pass")
    assert ran_out_of_time(code)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_the_size_of_a_file(tmp_path: Path) -> None:
    writing = (
        f"\ntry:\n  open({str(tmp_path / 'large')!r}, 'wb').write(bytes({2 * MIB}))\nexcept OSError:\n  print('full')"
    )
    assert run(allowing() + writing) == (0, "full")


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS does not tell")
def test_memory_in_use() -> None:
    assert memory_in_use() > MIB


def test_other_ends_are_no_lack_of_time() -> None:
    assert not any(map(ran_out_of_time, (None, 0, 1, -9)))
