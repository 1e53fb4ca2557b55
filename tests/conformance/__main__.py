"""Runs the suites: `python -m tests.conformance`. Ends with 1 when a scenario fails that a revision requires.

What is not required (extensions that the server does not offer, scenarios that the suite itself calls pending) is run
and shown, and does not count.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Final

REVISIONS: Final = ("2025-11-25", "2026-07-28")
PACKAGES: Final = ("node@22", "@modelcontextprotocol/conformance@0.2.0-alpha.12")
_READY: Final = 60.0
"""Seconds that the server has to start."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def wait_for(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + _READY
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the server did not start")


def main() -> int:
    npx = shutil.which("npx")
    if npx is None:
        raise SystemExit("npx is needed: install Node.js")
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "tests.conformance.server", str(port)])
    try:
        wait_for(server, port)
        packages = [part for package in PACKAGES for part in ("-p", package)]
        suite = [npx, "-y", *packages, "conformance", "server", "--url", f"http://127.0.0.1:{port}/mcp"]
        codes = [subprocess.run([*suite, "--requirements", revision], check=False).returncode for revision in REVISIONS]
    finally:
        server.terminate()
        server.wait()
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
