"""Faults on demand: everything that goes wrong between a client and WhatsApp, as switches.

Each method says what a neonize 0.5.2 client experiences, measured unless it says otherwise. Faults that happen "to
the next n" count down; ``clear()`` ends all of them.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from typing import Literal, Protocol

from whatsapp_mcp.simulator.state.accounts import SimLink
from whatsapp_mcp.simulator.state.media_faults import MediaFaults
from whatsapp_mcp.simulator.state.planned import Planned, cancel_all
from whatsapp_mcp.wire.node import Attr, Node

StreamFault = Literal["replaced", "device_removed", "503", "515", "500"]


class LiveConnection(SimLink, Protocol):
    """What a fault can do to a connected client."""

    def abort(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class IqFault:
    """How a request goes wrong: an error code and text, or (code 0) no answer at all."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class LoginRefusal:
    reason: int
    code: int | None = None
    expire_seconds: int | None = None
    message: str | None = None

    def node(self) -> Node:
        details = {"code": self.code, "expire": self.expire_seconds, "message": self.message}
        told: dict[str, Attr] = {name: str(value) for name, value in details.items() if value is not None}
        return Node("failure", {"reason": str(self.reason), "location": "sim", **told})


class Faults:
    """The switches. One object per simulator: ``simulator.faults``."""

    def __init__(self) -> None:
        self.media = MediaFaults()
        """What goes wrong with the media hosts."""
        self._connections: set[LiveConnection] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.answer_delay = 0.0
        """Seconds by which every answer to an ``iq`` and every message ack is late."""
        self.login = Planned[LoginRefusal]()
        self.iq: defaultdict[str, Planned[IqFault]] = defaultdict(Planned)
        """By namespace."""
        self.ack_error = Planned[int]()
        self.withheld_acks = Planned[bool]()
        self.corrupted = Planned[bool]()
        self.duplicated = Planned[bool]()
        self.lost_group_notices = Planned[bool]()

    # --- what breaks the connection ---

    def drop(self, how: Literal["abrupt", "clean"] = "abrupt") -> int:
        """Cut every client's connection, by TCP reset or by an orderly close; returns how many were cut.

        Client: DisconnectedEv, reconnects at once, ConnectedEv after 7 to 12 ms. A message without ack is sent again
        with the same id.
        """
        victims = list(self._connections)
        for connection in victims:
            if how == "abrupt":
                connection.abort()
            else:
                connection.close()
        return len(victims)

    def silence(self) -> None:
        """Stop reading and writing on every connection, which stay open (a dead network), until ``resume``.

        Client: requests fail after 75 s; KeepAliveTimeoutEv 30 s after the start; it does not disconnect before 3
        minutes.
        """
        self._flowing.clear()

    def resume(self) -> None:
        """End ``silence``: everything that was held back flows in order."""
        self._flowing.set()

    @property
    def flowing(self) -> asyncio.Event:
        """Set unless silent; connections wait for it."""
        return self._flowing

    def stream_error(self, kind: StreamFault) -> int:
        """Send a stream error to every connected client and, where WhatsApp does so, close; returns how many got it.

        Client: ``replaced`` StreamReplacedEv, no reconnect. ``device_removed`` LoggedOutEv(OnConnect=false), the
        session is deleted. ``503`` Disconnected, Connected. ``515`` silent reconnect. Any other code: StreamErrorEv,
        the socket stays open and works, though ``is_logged_in`` becomes false.
        """
        victims = list(self._connections)
        for connection in victims:
            if kind in ("503", "515", "device_removed", "replaced"):
                connection.farewell(stream_error(kind))
            else:
                connection.send(stream_error(kind))
        return len(victims)

    # --- what spoils the login ---

    def refuse_login(
        self,
        reason: int,
        *,
        code: int | None = None,
        expire_seconds: int | None = None,
        message: str | None = None,
        times: int = 1,
    ) -> None:
        """Answer the next logins with ``<failure reason>``. ``times`` < 0: all of them.

        Client: 401/403/406 LoggedOutEv(OnConnect=true), session deleted; 402 with ``code`` 101 to 106 and
        ``expire_seconds`` TemporaryBanEv; 405 ClientOutdatedEv; 409 ConnectFailureEv; 500/503 reconnects (0 s, then 2
        s). 402 with another code and 499 end neonize's event loop while the socket stays connected.
        """
        self.login.plan(LoginRefusal(reason, code, expire_seconds, message), times)

    # --- what spoils answers ---

    def delay_answers(self, seconds: float) -> None:
        """Answer requests and acknowledge messages late. 0 ends it."""
        self.answer_delay = seconds

    def fail_iq(self, xmlns: str, code: int, text: str, *, times: int = 1) -> None:
        """Refuse the next requests of a namespace (``usync``, ``privacy``, ``w:profile:picture`` …).

        Client: the method's own exception, "info query returned status 429: rate-overlimit".
        """
        self.iq[xmlns].plan(IqFault(code, text), times)

    def ignore_iq(self, xmlns: str, *, times: int = 1) -> None:
        """Never answer the next requests of a namespace. Client: "info query timed out" after 75 s."""
        self.fail_iq(xmlns, 0, "", times=times)

    def mute_keep_alive(self) -> None:
        """Leave pings unanswered until ``clear()``. Client: KeepAliveTimeoutEv after 30 s, KeepAliveRestoredEv
        afterwards."""
        self.ignore_iq("w:p", times=-1)

    # --- what spoils messages ---

    def reject_messages(self, code: int, *, times: int = 1) -> None:
        """Acknowledge the next messages of clients with an error (463 reach-out limit, 429 …) and do not relay them.

        Client: SendMessageError "server returned error 463".
        """
        self.ack_error.plan(code, times)

    def withhold_acks(self, *, times: int = 1) -> None:
        """Relay the next messages but never acknowledge them. Client: "timed out waiting for message send response"
        after 75 s."""
        self.withheld_acks.plan(True, times)

    def corrupt_messages(self, *, times: int = 1) -> None:
        """Damage the ciphertext of the next messages from simulated people to clients.

        Client: UndecryptableMessageEv and a retry receipt; the sender answers with a good copy, MessageEv.
        """
        self.corrupted.plan(True, times)

    def duplicate_messages(self, *, times: int = 1) -> None:
        """Deliver the next messages to clients twice. Client: the second is dropped as an old Signal counter, one
        MessageEv."""
        self.duplicated.plan(True, times)

    def lose_group_notices(self, *, times: int = 1) -> None:
        """Lose the next notifications about groups on the way to clients.

        Client: its member list is out of date. A message that it sends by that list is acknowledged with another
        ``phash``, upon which it fetches the list before the next one.
        """
        self.lost_group_notices.plan(True, times)

    def send_to_all(self, node: Node) -> int:
        """Send a stanza to every client; returns how many got it."""
        for connection in list(self._connections):
            connection.send(node)
        return len(self._connections)

    # --- housekeeping ---

    def clear(self) -> None:
        """Back to a healthy service."""
        self.media.clear()
        self.answer_delay = 0.0
        self.iq.clear()
        cancel_all(self)
        self.resume()

    def watch(self, connection: LiveConnection) -> None:
        self._connections.add(connection)

    def forget(self, connection: LiveConnection) -> None:
        self._connections.discard(connection)


def stream_error(kind: StreamFault) -> Node:
    """The ``<stream:error>`` for a situation (whatsmeow connectionevents.go)."""
    if kind == "replaced":
        return Node("stream:error", {}, [Node("conflict", {"type": "replaced"})])
    if kind == "device_removed":
        return Node("stream:error", {"code": "401"}, [Node("conflict", {"type": "device_removed"})])
    return Node("stream:error", {"code": kind})
