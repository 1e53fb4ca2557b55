"""Owner of the one neonize client of this process.

One process, one start: a client that ended is never started again, its process is. That removes what makes neonize
0.5.2 fragile: its unlocked maps (start and stop race with calls and abort the process), its callbacks that must outlive
every Go thread, and the thread of an unfinished pairing that no stop can end.
"""

from __future__ import annotations

import ctypes
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from whatsapp_mcp.account_folder import name_for_neonize
from whatsapp_mcp.errors import NotConnected
from whatsapp_mcp.whatsapp.library import Library
from whatsapp_mcp.whereabouts import Whereabouts
from whatsapp_mcp.wire.boundary import parse
from whatsapp_mcp.wire.protos import companion_reg, neonize_pb2

logger = logging.getLogger(__name__)

CLIENT_ID: Final = b"session"


class EventCode:
    """neonize's numbers of the events that this project listens to (neonize 0.5.2: events.py)."""

    DEVICE: Final = 0
    CONNECTED: Final = 3
    KEEP_ALIVE_TIMEOUT: Final = 4
    LOGGED_OUT: Final = 6
    STREAM_REPLACED: Final = 7
    CLIENT_OUTDATED: Final = 10
    DISCONNECTED: Final = 12
    HISTORY_SYNC: Final = 13
    MESSAGE: Final = 17
    RECEIPT: Final = 18
    CHAT_PRESENCE: Final = 19
    JOINED_GROUP: Final = 21
    GROUP_INFO: Final = 22
    NEWSLETTER_JOIN: Final = 32
    NEWSLETTER_LEAVE: Final = 33
    CALL_OFFER: Final = 36
    CALL_TERMINATE: Final = 42
    UNDECRYPTABLE: Final = 44

    SUBSCRIBED: Final = (2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 17, 18, 21, 22, 27, 32, 33, 36, 42, 44)
    """Four more only show that WhatsApp is heard: pair status (2), keep-alive restored (5), stream error (11), offline
    sync completed (27). Chat presence (19) only where the owner wants it, and not bans (8) and connect failures (9): a
    value that neonize does not know ends its event pump. A ban is recognised by whatsmeow's log line instead."""


@dataclass(frozen=True, slots=True)
class ClientEvents:
    """Callbacks; each runs on a foreign thread and must only hand the data on."""

    event: Callable[[int, bytes], object]
    """An event's code and serialized protobuf, one at a time, in order."""
    qr: Callable[[str], object]
    """The text of the QR code to show now."""
    login_status: Callable[[str], object]
    """End of a pairing: ``success``, ``error`` or ``timeout``."""
    log: Callable[[str, str, str], object]
    """Level (DEBUG, INFO, WARN, ERROR), logger name, text."""
    ended: Callable[[str | None], object]
    """The client's main call returned: None when it was stopped, else why it failed (its event pump is dead then)."""


class Client:
    """Starts neonize and calls its functions. Every call blocks; run it in a worker thread."""

    def __init__(
        self, database: Whereabouts, name: str = "whatsapp-mcp", *, log_level: str = "WARN", typing: bool = False
    ) -> None:
        """
        Args:
            database: neonize's own; a path is absolute.
            name: under which the phone lists this device, once it is linked.
            typing: who types is an event too.

        Raises:
            SetupError: neonize cannot use it.
        """
        self._database = name_for_neonize(database)
        self._name = name
        self._library: Library
        self._events: ClientEvents
        self._callbacks: tuple[object, ...]
        self._log_level = log_level
        self._subscribed = bytes((*EventCode.SUBSCRIBED, *((EventCode.CHAT_PRESENCE,) if typing else ())))
        self._registered = threading.Event()
        self._ended = threading.Event()
        self._last_callback = time.monotonic()
        self._in_callback = False

    def start(self, library: Library, events: ClientEvents) -> None:
        """Begin to connect, on a thread of its own; returns at once."""
        self._library = library
        self._events = events
        # Go threads may call back until the very end of the process: these objects are never released.
        self._callbacks = (
            library.qr_callback(self._on_qr),
            library.status_callback(self._on_login_status),
            library.event_callback(self._on_event),
            library.log_callback(self._on_log),
        )
        threading.Thread(target=self._run, name="neonize", daemon=True).start()

    def disconnect(self) -> None:
        """Close the socket; events that are on their way still arrive. There is no way back but a new process."""
        if self._registered.is_set():
            self._library.gocode.Disconnect(CLIENT_ID)

    def wait_until_quiet(self, *, quiet: float = 0.25, limit: float = 5.0) -> bool:
        """From now on, wait until no event callback has finished for ``quiet`` seconds, at most ``limit`` seconds.

        whatsmeow decrypts a message, and so uses up its key, before the event reaches Python; leaving earlier loses it.
        """
        began = time.monotonic()
        while (now := time.monotonic()) < began + limit:
            last = now if self._in_callback else max(self._last_callback, began)
            rest = last + quiet - now
            if rest <= 0:
                return True
            time.sleep(min(rest, began + limit - now))
        return False

    def call(self, function: str, *arguments: Any) -> bytes:
        """Call one of neonize's C functions for this client; returns its raw answer.

        Raises:
            NotConnected: the client is not up yet, or its main call ended (calling on would abort the process).
        """
        if not self._registered.is_set() or self._ended.is_set():
            raise NotConnected("the WhatsApp session is not running yet")
        return bytes(getattr(self._library.gocode, function)(CLIENT_ID, *arguments))

    def has_socket(self) -> bool:
        """Whether there is a connection to the server, logged in or not."""
        if not self._registered.is_set() or self._ended.is_set():
            return False
        return bool(self._library.gocode.IsConnected(CLIENT_ID))

    def _run(self) -> None:
        props = companion_reg.DeviceProps(
            os=self._name, platformType=companion_reg.DeviceProps.PlatformType.CHROME, requireFullSync=False
        ).SerializeToString()
        try:
            error = self._library.gocode.Neonize(
                self._database.encode(),
                CLIENT_ID,
                b"",
                0,
                0,
                self._log_level.encode(),
                *self._callbacks,
                self._subscribed,
                len(self._subscribed),
                props,
                len(props),
                b"",
                0,
                None,
            )
            reason = error.decode("utf-8", "replace") or None
        except Exception as failure:
            reason = f"{type(failure).__name__}: {failure}"
        self._ended.set()
        self._guarded(self._events.ended, reason)

    def _on_event(self, _uuid: bytes, data: int | None, size: int, code: int) -> None:
        self._registered.set()
        self._in_callback = True
        payload = ctypes.string_at(data, size) if data and size else b""
        self._guarded(self._events.event, code, payload)
        self._last_callback = time.monotonic()
        self._in_callback = False

    def _on_qr(self, _uuid: int, text: int) -> None:
        self._registered.set()
        self._guarded(self._events.qr, ctypes.string_at(text).decode("utf-8", "replace"))

    def _on_login_status(self, _uuid: int, status: int) -> None:
        self._guarded(self._events.login_status, ctypes.string_at(status).decode("utf-8", "replace"))

    def _on_log(self, data: int | None, size: int) -> None:
        if data and size:
            self._guarded(self._hand_on_log, ctypes.string_at(data, size))

    def _hand_on_log(self, payload: bytes) -> None:
        entry = parse(neonize_pb2.LogEntry, payload)
        self._events.log(entry.Level, entry.Name, entry.Message)

    @staticmethod
    def _guarded(callback: Callable[..., object], *arguments: object) -> None:
        """An exception must not travel into ctypes: it would vanish there."""
        try:
            callback(*arguments)
        except Exception:
            logger.exception("a neonize callback failed")
