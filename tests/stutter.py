"""Tests on a machine that is always busy: ``python -m tests.stutter [--seed N] [what pytest is told]``.

Every 0.1 to 0.3 seconds one process of the run, whichever it is (a worker of pytest, a server, a session process, a
command), is stopped with all its threads for 0.02 to 0.6 seconds. A test that takes for granted what another process
does in its own time fails with that at once, not in one run of ten. For Linux alone.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def family(ancestor: int) -> list[int]:
    """The processes below one, but for those that are stopped already: what a test stops is not to go on."""
    children: dict[int, list[int]] = {}
    stopped: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
        except OSError:  # it ended
            continue
        children.setdefault(int(parent), []).append(int(entry.name))
        if state == "T":
            stopped.add(int(entry.name))
    found = list(children.get(ancestor, []))
    for pid in found:  # which grows meanwhile
        found += children.get(pid, [])
    return sorted(set(found) - stopped)


def stutter(choice: random.Random, ended: threading.Event) -> None:
    """Stops and continues until the run has ended; what is stopped goes on whatever happens here."""
    stopped: dict[int, float] = {}  # a handle, which stands for no later process of that number: when it goes on
    due = time.monotonic()
    try:
        while not ended.wait(max(0.0, min([due, *stopped.values()]) - time.monotonic())):
            now = time.monotonic()
            for handle in [handle for handle, until in stopped.items() if until <= now]:
                go_on(handle)
                del stopped[handle]
            if due <= now:
                due, pids = now + choice.uniform(0.1, 0.3), family(os.getpid())
                pid = choice.choice([*pids, *[0] * (6 - len(pids))])  # of two, each would stand still most of the time
                with suppress(ProcessLookupError):  # it ended
                    if pid:
                        stopped[handle := os.pidfd_open(pid)] = now + choice.uniform(0.02, 0.6)
                        if pid in family(os.getpid()):  # so that the handle is that of who was found there
                            signal.pidfd_send_signal(handle, signal.SIGSTOP)
    finally:
        for handle in stopped:
            go_on(handle)


def go_on(handle: int) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGCONT)
    os.close(handle)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    options, told = parser.parse_known_args()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)  # session processes are nobody's children: so they are ours
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    run = subprocess.Popen([sys.executable, "-m", "pytest", *told])
    ended, codes = threading.Event(), {}

    def reap() -> None:
        while run.pid not in codes:
            pid, status = os.waitpid(-1, 0)
            codes[pid] = os.waitstatus_to_exitcode(status)
        ended.set()

    threading.Thread(target=reap, daemon=True).start()
    sys.stderr.write(f"stutters with --seed {options.seed}\n")
    try:
        stutter(random.Random(options.seed), ended)
    finally:
        if not ended.is_set():
            os.kill(run.pid, signal.SIGTERM)
    return codes[run.pid]


if __name__ == "__main__":
    sys.exit(main())
