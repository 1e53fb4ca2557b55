"""A TCP way to the PostgreSQL of the tests that can be cut: with both ends told, or with neither."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit


class CutConnection:
    """Forwards connections until it is cut."""

    def __init__(self, target: str) -> None:
        """``target``: the Unix socket of the server."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._silent = threading.Event()
        self._changing = threading.Lock()
        self._closed = False
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def cut(self) -> None:
        """End all connections; new ones come through."""
        for each in self._open:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def silence(self) -> None:
        """Nothing passes any more, and nobody is told."""
        self._silent.set()

    def heal(self) -> None:
        """What was open is gone; new connections come through."""
        with self._changing:  # who is told that a connection is gone may come again at once
            self.cut()
            self._silent.clear()

    def close(self) -> None:
        self._closed = True
        with contextlib.suppress(OSError):  # a thread that waits in accept() is not woken by close()
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.heal()

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._changing:
                if self._silent.is_set():
                    self._open.append(near)  # a connection to which nobody ever says anything
                    continue
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self._target)
            except OSError:  # the server is just starting
                near.close()
                continue
            self._open += [near, far]
            threading.Thread(target=self._forward, args=(near, far), daemon=True).start()

    def _forward(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        with contextlib.suppress(OSError), near, far:
            while True:
                for ready in select.select([near, far], [], [])[0]:
                    data = ready.recv(65536)
                    while self._silent.is_set():
                        threading.Event().wait(0.05)
                    if not data:
                        return
                    other[ready].sendall(data)


@contextlib.contextmanager
def cut_connection(url: str) -> Iterator[tuple[CutConnection, str]]:
    """A proxy in front of the server of ``url``, and the URL that leads through it."""
    folder = parse_qs(urlsplit(url).query)["host"][0]
    proxy = CutConnection(f"{folder}/.s.PGSQL.5432")
    user = urlsplit(url).username or "postgres"
    try:
        yield proxy, f"postgresql://{user}@127.0.0.1:{proxy.port}{urlsplit(url).path}?sslmode=disable"
    finally:
        proxy.close()
