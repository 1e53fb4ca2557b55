"""``python -m tests.windows [unit|e2e] [ARGUMENTS OF PYTEST]``: build the rig, run the unit tests in it, then a server.

Without a word both; ``make test-windows`` does that. ``unit`` and ``e2e`` run one of them. The unit tests run room by
room, each in a process of its own, some at a time, because a process of wine mostly waits for wine's server. What a
room said is shown when it has ended; one that fails stops neither the others nor the server, but is told at the end.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Final, TextIO

from tests.windows.rig import ROOT, Rig

_HERE: Final = Path(__file__).parent
_NOT_OF_THE_CORE: Final = {"simulator"}
"""It runs on Linux only."""
_LONGEST_TEST: Final = 600
"""Seconds, on a busy machine; after them a test is taken to hang."""
_AT_ONCE: Final = 3 * (os.cpu_count() or 1)
"""Of a room, wine's server or the program runs, one after the other, and for a part of the time neither."""
_LONG: Final = {"server": 3, "operations": 2, "store": 2, "media": 2, "worker": 1, "whatsapp": 1}
"""Rooms that take longest, which are begun first, and in how many parts."""


def rooms() -> dict[str, list[str]]:
    """What pytest is told for each: the folders of the unit tests, some in parts, then what lies beside them."""
    unit = ROOT / "tests" / "unit"
    names = {path.name for path in unit.iterdir() if any(path.glob("**/test_*.py"))} - _NOT_OF_THE_CORE
    found = {}
    for name in (*_LONG, *sorted(names - _LONG.keys())):
        parts = _LONG.get(name, 1)
        files = sorted((unit / name).glob("**/test_*.py"))
        for part in range(parts):
            chosen = files[part::parts] if parts > 1 else [unit / name]
            found[f"{name}-{part + 1}" if parts > 1 else name] = [str(path.relative_to(ROOT)) for path in chosen]
    return found | {"beside": sorted(f"tests/unit/{path.name}" for path in unit.glob("test_*.py"))}


def run_unit_tests(rig: Rig, arguments: list[str], out: TextIO) -> bool:
    """Whether they passed."""
    hang = ["-o", f"faulthandler_timeout={_LONGEST_TEST}", "-o", "faulthandler_exit_on_timeout=true"]
    try:
        rig.run(
            ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tests.windows.wine", *hang, *arguments], out=out
        )
    except SystemExit:
        return False
    return True


def run_rooms(rig: Rig) -> list[str]:
    """Those that failed."""
    failed: list[str] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = {pool.submit(_run_room, rig, name, tests): name for name, tests in rooms().items()}
        for done in as_completed(running):
            passed, said = done.result()
            sys.stdout.write(f"== {running[done]}\n{said}")
            sys.stdout.flush()
            if not passed:
                failed.append(running[done])
    return failed


def _run_room(rig: Rig, name: str, tests: list[str]) -> tuple[bool, str]:
    """Whether it passed, and what it said, which can be read in ``.windows/said`` while it runs."""
    began = time.monotonic()
    said = rig.folder / "said" / f"{name}.txt"
    said.parent.mkdir(exist_ok=True)
    with said.open("w", encoding="utf-8") as out, rig.apart(name) as apart:
        passed = run_unit_tests(apart, tests, out)
    return passed, f"{said.read_text('utf-8')}({time.monotonic() - began:.0f} s with the start of Windows)\n"


def main(arguments: list[str]) -> None:
    what = arguments.pop(0) if arguments[:1] in (["unit"], ["e2e"]) else "all"
    failed: list[str] = []
    rig = Rig()
    try:
        rig.build()
        rig.compile(ROOT / "src")
        rig.stop()
        if what in ("all", "unit"):
            if not arguments:
                failed += run_rooms(rig)
            else:
                with rig.apart(Path(arguments[0]).stem) as apart:
                    if not run_unit_tests(apart, arguments, sys.stdout):
                        failed.append(" ".join(arguments))
        if what in ("all", "e2e"):
            command = [sys.executable, "-m", "pytest", "-q", str(_HERE / "end_to_end.py")]
            if subprocess.run(command, cwd=ROOT, check=False).returncode:
                failed.append("end_to_end.py")
    finally:
        rig.stop()
    if failed:
        raise SystemExit(f"Failed under wine: {', '.join(failed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
