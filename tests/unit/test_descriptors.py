"""The protocol's stream stays clean whatever prints."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

from tests.unit.systems import CHILD_LIMIT

PROGRAM = textwrap.dedent(
    """
    import os, subprocess, sys
    print("before", flush=False)
    from whatsapp_mcp.descriptors import claim_stdio
    wire = claim_stdio()
    assert not os.get_inheritable(wire.incoming) and not os.get_inheritable(wire.outgoing)
    print("print"); sys.stdout.flush()
    os.write(1, b"native code\\n")
    child = "import os; print('child'); assert not os.read(0, 1)"
    subprocess.run([sys.executable, "-c", child], check=True)
    assert os.read(0, 1) == b"", "descriptor 0 is empty"
    assert os.read(wire.incoming, 100) == b"request"
    os.write(wire.outgoing, b"answer")
    """
)


def test_only_the_protocol_reaches_stdout() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=b"request",
        capture_output=True,
        timeout=CHILD_LIMIT,
        check=False,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b"answer"
    assert done.stderr.split() == b"before print native code child".split()


def test_a_process_without_stdout_is_told_why() -> None:
    program = "import os; os.close(1)\nfrom whatsapp_mcp.descriptors import claim_stdio\nclaim_stdio()"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=CHILD_LIMIT, check=False)
    assert b"needs both stdin and stdout" in done.stderr
