"""A request to stop reaches the loop."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading

import pytest

from tests.unit.systems import CHILD_LIMIT, needs_signals
from tests.unit.waiting import WAIT
from whatsapp_mcp.platform.signals import HANGUP, INTERRUPT, TERMINATE, handled


@pytest.mark.parametrize("number", [*INTERRUPT, *TERMINATE])
async def test_the_handler_is_called_in_the_loop(number: signal.Signals) -> None:
    came = asyncio.Event()
    before = signal.getsignal(TERMINATE[0])
    with handled((*INTERRUPT, *TERMINATE), came.set):
        signal.raise_signal(number)
        async with asyncio.timeout(WAIT):
            await came.wait()
    assert signal.getsignal(TERMINATE[0]) == before


async def test_a_loop_that_waits_wakes_up() -> None:
    came = asyncio.Event()
    with handled(INTERRUPT, came.set):
        timer = threading.Timer(0.05, signal.raise_signal, INTERRUPT)
        timer.start()
        async with asyncio.timeout(WAIT):
            await came.wait()
        timer.join()


def test_another_thread_changes_nothing() -> None:
    async def inside() -> None:
        with handled(INTERRUPT, lambda: None):
            pass

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=asyncio.run, args=(inside(),))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGINT) == before


@pytest.mark.parametrize("number", [*TERMINATE, *HANGUP])
def test_what_is_half_done_is_undone(number: signal.Signals) -> None:
    program = f"""
import signal, sys
from whatsapp_mcp.platform.signals import exit_when_terminated
exit_when_terminated()
try:
    signal.raise_signal({int(number)})
finally:
    print("undone")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=CHILD_LIMIT, check=False)
    assert (done.returncode, done.stdout.strip()) == (128 + number, b"undone")


@pytest.mark.parametrize(("pid", "code"), [(1, 128 + TERMINATE[0]), (2, -TERMINATE[0])])
@needs_signals
def test_the_first_process_of_a_container_ends_while_it_starts(pid: int, code: int) -> None:
    """For that one the kernel has no default: what is not handled does not arrive."""
    program = f"""
import os, signal, sys
os.getpid = lambda: {pid}
class Terminated:
    def find_spec(self, name, *_):
        if name == "whatsapp_mcp.cli":
            signal.raise_signal({int(TERMINATE[0])})
sys.meta_path.insert(0, Terminated())
import whatsapp_mcp.__main__
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=CHILD_LIMIT, check=False)
    assert done.returncode == code
