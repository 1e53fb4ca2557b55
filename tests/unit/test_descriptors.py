"""The protocol's stream stays clean whatever prints."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import whatsapp_mcp

PROGRAM = textwrap.dedent(
    """
    import os, subprocess, sys
    print("before", flush=False)
    from whatsapp_mcp.descriptors import claim_stdio
    wire = claim_stdio()
    assert not os.get_inheritable(wire.incoming) and not os.get_inheritable(wire.outgoing)
    print("print"); sys.stdout.flush()
    os.write(1, b"native code\\n")
    subprocess.run(["sh", "-c", "echo child; cat"], check=True, timeout=10)
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
        timeout=30,
        check=False,
        env={"PYTHONPATH": str(Path(whatsapp_mcp.__file__).parents[1]), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b"answer"
    assert done.stderr == b"before\nprint\nnative code\nchild\n"


def test_a_process_without_stdout_is_told_why() -> None:
    program = "from whatsapp_mcp.descriptors import claim_stdio\nclaim_stdio()"
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -c '{program}' >&-"],
        capture_output=True,
        timeout=30,
        check=False,
        env={"PYTHONPATH": str(Path(whatsapp_mcp.__file__).parents[1]), "PATH": "/usr/bin:/bin"},
    )
    assert b"needs both stdin and stdout" in done.stderr
