"""A library whose Go side is a Python function: it calls back through real ctypes thunks, from its own thread."""

from __future__ import annotations

import ctypes
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from whatsapp_mcp.whatsapp.library import Library
from whatsapp_mcp.wire.protos import neonize_pb2

WAIT = 60.0
"""Deadline of everything that is waited for, in seconds."""

StringCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
EventCallback = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int)
LogCallback = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int)


@dataclass
class Started:
    """The arguments of the one call of ``Neonize``."""

    database: str
    client_id: bytes
    log_level: bytes
    subscribed: bytes
    device_props: bytes


class FakeGo:
    """Stands in for the C functions; told what happens by ``event``, ``qr``, ``login_status``, ``log``, ``end``."""

    def __init__(self) -> None:
        self.started: queue.SimpleQueue[Started] = queue.SimpleQueue()
        self.calls: list[tuple[str, tuple[Any, ...]]] = []
        self.answers: dict[str, bytes | Callable[..., bytes]] = {}
        self.connected = True
        self.disconnected = threading.Event()
        self._todo: queue.SimpleQueue[Callable[[], None] | bytes | Exception] = queue.SimpleQueue()
        self._thunks: tuple[Any, ...] = ()

    # -- what happens -------------------------------------------------------------------------------------------------

    def event(self, code: int, payload: bytes = b"") -> None:
        buffer = ctypes.create_string_buffer(payload, len(payload) or 1)

        def deliver() -> None:
            self._thunks[2](b"session", ctypes.addressof(buffer) if payload else None, len(payload), code)

        self._todo.put(deliver)

    def qr(self, text: str) -> None:
        self._string(0, text)

    def login_status(self, text: str) -> None:
        self._string(1, text)

    def _string(self, thunk: int, text: str) -> None:
        buffer = ctypes.create_string_buffer(text.encode())
        self._todo.put(lambda: self._thunks[thunk](None, ctypes.addressof(buffer)))

    def log(self, level: str, name: str, text: str) -> None:
        """From the caller's thread, as Go logs from any."""
        self.raw_log(neonize_pb2.LogEntry(Level=level, Name=name, Message=text).SerializeToString())

    def raw_log(self, entry: bytes) -> None:
        buffer = ctypes.create_string_buffer(entry, len(entry))
        self._thunks[3](ctypes.addressof(buffer), len(entry))

    def end(self, error: bytes | Exception = b"") -> None:
        """The main call returns (or raises)."""
        self._todo.put(error)

    def pumped(self) -> None:
        """Return when everything told so far has been delivered."""
        done = threading.Event()
        self._todo.put(done.set)
        assert done.wait(WAIT)

    # -- the C functions ----------------------------------------------------------------------------------------------

    def Neonize(self, *arguments: Any) -> bytes:
        database, client_id, _, _, _, log_level = arguments[:6]
        self._thunks = arguments[6:10]
        subscribed, size, props, props_size = arguments[10:14]
        assert (size, props_size) == (len(subscribed), len(props))
        self.started.put(Started(database.decode(), client_id, log_level, subscribed, props))
        while True:
            item = self._todo.get()
            if isinstance(item, Exception):
                raise item
            if isinstance(item, bytes):
                return item
            item()

    def Disconnect(self, client_id: bytes) -> None:
        assert client_id == b"session"
        self.disconnected.set()

    def IsConnected(self, client_id: bytes) -> bool:
        assert client_id == b"session"
        return self.connected

    def __getattr__(self, function: str) -> Callable[..., bytes]:
        def call(client_id: bytes, *arguments: Any) -> bytes:
            assert client_id == b"session"
            self.calls.append((function, arguments))
            answer = self.answers.get(function, b"")
            return answer(*arguments) if callable(answer) else answer

        return call


def fake_library(go: FakeGo) -> Library:
    binder: Any = SimpleNamespace(
        gocode=go, func_string=StringCallback, func_callback_bytes=EventCallback, func_callback_bytes2=LogCallback
    )
    return Library(binder)
