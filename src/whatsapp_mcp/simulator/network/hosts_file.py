"""A hosts file for clients that know no proxies, and how one client sees it. Nothing on the machine is changed."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Final

HOSTS: Final = ("web.whatsapp.com", "mmg.whatsapp.net", "pps.whatsapp.net")
"""The chat, the files, the pictures of people."""
HTTPS_PORT: Final = 443


def hosts_file() -> str:
    """Its text: what a client needs besides localhost."""
    return f"127.0.0.1 localhost\n127.0.0.1 {' '.join(HOSTS)}\n"


def how_to_reach(port: int, ca_file: str, path: Path | None) -> str:
    """What a person has to do with the port (and the hosts file), for one client only."""
    lines = [f"TLS without a proxy: wss://127.0.0.1:{port}/ws/chat, certificates of {ca_file}"]
    if path is not None:
        inside = f"mount --bind {shlex.quote(str(path))} /etc/hosts && exec YOUR-CLIENT"
        lines.append(f"A client that finds {', '.join(HOSTS)} there, and nowhere else:")
        lines.append(f"  unshare --user --map-root-user --mount sh -c {shlex.quote(inside)}")
        if port != HTTPS_PORT:
            lines.append(
                f"It will ask at port {HTTPS_PORT}: listen there (--listen-tls {HTTPS_PORT}; that wants root),"
            )
            lines.append("or run both of them in one namespace with --net: docs/simulator.md says how.")
    return "\n".join(lines) + "\n"
