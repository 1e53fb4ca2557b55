"""``python -m tests.windows [unit|e2e] [ARGUMENTS OF PYTEST]``: build the rig, run the unit tests in it, then a server.

Without a word both; ``make test-windows`` does that. ``unit`` and ``e2e`` run one of them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.windows.rig import ROOT, Rig

_HERE = Path(__file__).parent


def main(arguments: list[str]) -> None:
    what = arguments.pop(0) if arguments[:1] in (["unit"], ["e2e"]) else "all"
    rig = Rig()
    rig.build()
    rig.compile(ROOT / "src")
    try:
        if what in ("all", "unit"):
            chosen = arguments or ["tests/unit"]
            rig.run(["-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen])
        if what in ("all", "e2e"):
            command = [sys.executable, "-m", "pytest", "-q", str(_HERE / "end_to_end.py"), *arguments]
            subprocess.run(command, cwd=ROOT, check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode) from None
    finally:
        rig.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
