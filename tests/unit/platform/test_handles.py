"""Standard descriptors of a process: bytes stay as they are, and what is claimed is out of reach of prints."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from tests.unit.systems import CHILD_LIMIT
from whatsapp_mcp.platform.handles import blocking_restorer, nobody_reads, watchable

PROGRAM = r"""
import os
from whatsapp_mcp.platform.handles import lead_nowhere, private_duplicate
incoming, outgoing = private_duplicate(0), private_duplicate(1)
assert min(incoming, outgoing) > 2
assert not os.get_inheritable(incoming) and not os.get_inheritable(outgoing)
lead_nowhere(0, 1)
assert os.read(0, 1) == b""
print("print", flush=True)
os.write(1, b"native code")
given = b""
while part := os.read(incoming, 100):
    given += part
os.write(outgoing, given + b"\x1a\n")
"""


def test_bytes_pass_as_they_are_and_prints_go_nowhere() -> None:
    given = b"a\nb\r\nc\x1ad\xff\n"
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], input=given, capture_output=True, timeout=CHILD_LIMIT, check=False
    )
    assert (done.stderr, done.stdout) == (b"", given + b"\x1a\n")


def test_a_pipe_that_nobody_reads_is_told_from_other_errors() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with pytest.raises(OSError) as broken:
            os.write(writing, b"x")
    finally:
        os.close(writing)
    assert nobody_reads(broken.value)
    assert not nobody_reads(FileNotFoundError(errno.ENOENT, "no such file"))
    assert nobody_reads(OSError(errno.EINVAL, "while it is being closed")) == (sys.platform == "win32")


def test_what_is_closed_cannot_be_duplicated() -> None:
    program = (
        "import os; from whatsapp_mcp.platform.handles import private_duplicate; os.close(0); private_duplicate(0)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, stdin=subprocess.PIPE, capture_output=True, timeout=CHILD_LIMIT, check=False)
    assert b"OSError" in done.stderr


def test_pipes_are_watched_where_a_loop_can() -> None:
    reading, writing = os.pipe()
    try:
        assert watchable(reading, writing) == (sys.platform != "win32")
        restore = blocking_restorer(reading, writing)
        if sys.platform != "win32":
            os.set_blocking(reading, False)
        restore()
        assert sys.platform == "win32" or os.get_blocking(reading)
    finally:
        os.close(reading)
        os.close(writing)


def test_nobody_watches_a_regular_file() -> None:
    with open(__file__, "rb") as file:  # noqa: PTH123
        assert not watchable(file.fileno())
