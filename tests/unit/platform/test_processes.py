"""Other processes: whether they live, and their end."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.unit.systems import CHILD_LIMIT
from whatsapp_mcp.platform.processes import end_now, is_alive, open_files_limit

SLEEP = "import sys; print('here', flush=True); sys.stdin.read()"


def test_a_process_lives_until_it_is_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == b"here"
        assert is_alive(child.pid)
        assert child.poll() is None, "to be asked ends no process"
        end_now(child.pid)
        assert child.wait(timeout=CHILD_LIMIT) != 0
        assert not is_alive(child.pid)
        end_now(child.pid)


def test_this_process_and_none() -> None:
    assert is_alive(os.getpid())
    for number in (0, -1, -os.getpid(), 1 << 31, 1 << 40, 1 << 70):
        assert not is_alive(number)


def test_how_many_files_may_be_open() -> None:
    limit = open_files_limit()
    assert limit is None or limit > 0


@pytest.mark.skipif(sys.platform == "win32", reason="there, a number is looked for among the processes at once")
def test_a_process_of_another_user_lives() -> None:
    assert is_alive(1)
