"""Installs what the peers on Node need, and lets all of them talk to this server: `python -m tests.peers`."""

from __future__ import annotations

import subprocess
import sys

import click

from tests.peers.packages import HERE, NODE_PEERS, ROOT, NotInstalled


def main() -> int:
    missing = 0
    for peer in NODE_PEERS:
        try:
            peer.install()
        except NotInstalled as reason:
            missing += 1
            click.echo(f"{peer.name}: not run: {reason}")
    tests = subprocess.run([sys.executable, "-m", "pytest", "-q", str(HERE)], cwd=ROOT, check=False)
    click.echo(f"{len(NODE_PEERS) - missing} of {len(NODE_PEERS)} peers on Node were there")
    return tests.returncode


if __name__ == "__main__":
    sys.exit(main())
