"""What this process has sent over TCP."""

from __future__ import annotations

import socket
import sys
import time

from whatsapp_mcp.platform.sockets import sent_since_now


def test_what_was_sent_since_is_counted() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            client.sendall(b"x" * 50_000)
            since = sent_since_now()
            assert (since is not None) == (sys.platform == "linux")
            if since is None:
                return
            client.sendall(b"y" * 70_000)
            received = b""
            while len(received) < 120_000:
                received += server.recv(65_536)
            deadline = time.monotonic() + 10
            while since() < 70_000 and time.monotonic() < deadline:  # the acknowledgement is under way
                time.sleep(0.001)
            assert 70_000 <= since() <= 120_000
            assert client.send(b"z") == 1, "the connection was only looked at"
