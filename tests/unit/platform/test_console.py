"""No text makes a command fail, whatever the console's encoding."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.unit.systems import CHILD_LIMIT

PROGRAM = """
import sys
from whatsapp_mcp.platform.console import never_fail_on_text
never_fail_on_text()
print("Grüße → █ 👍 \\ud800")
sys.stderr.write("Grüße → 👍 \\ud800\\n")
"""


@pytest.mark.parametrize("encoding", ["cp437", "cp1252", "ascii", "utf-8"])
def test_output_that_the_encoding_does_not_have(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, timeout=CHILD_LIMIT, env=environment, check=True
    )
    shown = "utf-8" if sys.platform == "win32" else encoding
    assert done.stdout.rstrip() == "Grüße → █ 👍 ?".replace("?", "\ud800").encode(shown, "replace")
    assert done.stderr.rstrip().startswith(b"Gr")


def test_streams_that_are_missing() -> None:
    program = f"import sys\nsys.stdout = sys.stderr = None\n{PROGRAM.split('print')[0]}"
    assert subprocess.run([sys.executable, "-c", program], timeout=CHILD_LIMIT, check=False).returncode == 0
