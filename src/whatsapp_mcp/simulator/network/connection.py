"""One client's chat socket: WebSocket, frames and Noise outside, stanzas inside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import DecodeError

from whatsapp_mcp.simulator.network.http import HttpRequest
from whatsapp_mcp.simulator.state.faults import Faults
from whatsapp_mcp.wire.binary import BinaryError, decode, encode
from whatsapp_mcp.wire.frames import FrameBuffer, FrameError, frame
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.noise import WA_HEADER, ClientLogin, NoiseError, Responder, Transport
from whatsapp_mcp.wire.protos import wa6
from whatsapp_mcp.wire.tokens import NEWEST, VERSIONS, dictionary
from whatsapp_mcp.wire.websocket import WebSocketBuffer, WebSocketError, accept_response

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 20.0
LINGER_SECONDS = 0.5
SETTLING_SECONDS = 0.1
"""What a client gets between handshake and first stanza: Baileys up to 7.0.0-rc.9 and its forks make their keys
meanwhile, and take a frame that comes before they are ready for one of the handshake: they would wait for ever.
whatsmeow, which logs in passive and says that it has moved to LIDs, needs none."""
_READ_SIZE = 1 << 16
_HEADERS = tuple(WA_HEADER[:-1] + bytes([version]) for version in VERSIONS)


class SimSession(Protocol):
    """What a connection is for, once its Noise handshake told who is there."""

    def receive(self, node: Node) -> None:
        """Handle a stanza of the client."""

    def ended(self) -> None:
        """The connection is gone."""


SessionOpener = Callable[["Connection", ClientLogin], SimSession | None]
"""Decides what a client's login means; ``None``: it was refused, the connection is closing."""


@dataclass(frozen=True, slots=True)
class NoiseIdentity:
    """The server's static key and the certificate chain that vouches for it."""

    static: KeyPair
    chain: bytes


class Connection:
    """A chat socket from its upgrade request to its end."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        identity: NoiseIdentity,
        open_session: SessionOpener,
        faults: Faults,
        idle_seconds: float,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._identity = identity
        self._open_session = open_session
        self._faults = faults
        self._idle_seconds = idle_seconds
        self._websocket = WebSocketBuffer("server")
        self._frames = FrameBuffer(headers=_HEADERS)
        self._tokens = NEWEST
        self._ciphers: Transport | None = None
        self._session: SimSession | None = None
        self._held: list[Node] = []
        self._flush: asyncio.Task[None] | None = None
        self._farewell: asyncio.TimerHandle | None = None
        self._closing = False

    async def run(self, request: HttpRequest) -> None:
        """Serve the client until either side closes. Never raises for what the client does."""
        try:
            await self._faults.flowing.wait()
            self._writer.write(accept_response(request.headers))
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await self._handshake()
            self._faults.watch(self)
            while not self._closing:
                for body in await self._read_frames(self._idle_seconds):
                    await self._faults.flowing.wait()
                    self._handle(body)
                await self._writer.drain()
        except (WebSocketError, FrameError, NoiseError, BinaryError) as error:
            log.warning("a client broke the protocol: %s", error)
            self.close()
        except TimeoutError:
            log.warning("a client stayed silent for too long")
            self.close()
        except (EOFError, OSError) as error:
            log.debug("a client is gone: %r", error)
        finally:
            self._end()

    def _end(self) -> None:
        self._closing = True
        self._faults.forget(self)
        if self._flush is not None:
            self._flush.cancel()
        if self._farewell is not None:
            self._farewell.cancel()
        session, self._session = self._session, None
        if session is not None:
            session.ended()

    # --- receiving ---

    async def _read_frames(self, timeout: float) -> list[bytes]:
        """Wait for data and return the frames that are complete now, perhaps none.

        Raises:
            EOFError: the client closed the connection.
        """
        async with asyncio.timeout(timeout):
            data = await self._reader.read(_READ_SIZE)
        if not data:
            raise EOFError("connection closed by the client")
        frames: list[bytes] = []
        for message in self._websocket.feed(data):
            frames += self._frames.feed(message)
        for control in self._websocket.take_replies():
            self._writer.write(control)
        if self._websocket.closed is not None and not frames:
            raise EOFError("WebSocket closed by the client")
        return frames

    async def _handshake(self) -> None:
        frames: list[bytes] = []
        while not frames:
            frames += await self._read_frames(HANDSHAKE_SECONDS)
        header = self._frames.header
        self._tokens = dictionary(header[-1])
        responder = Responder(self._identity.static, self._identity.chain, header=header)
        self._write(responder.server_hello(frames.pop(0)))
        while responder.login is None:
            while not frames:
                frames += await self._read_frames(HANDSHAKE_SECONDS)
            responder.finish(frames.pop(0))
        self._ciphers = responder.transport()
        if self._tokens is not NEWEST or not _is_ready_at_once(responder.login):
            await asyncio.sleep(SETTLING_SECONDS)
        self._session = self._open_session(self, responder.login)
        for body in frames:
            # After a reconnect whatsmeow repeats a request at once, without waiting to be let in (request.go).
            self._handle(body)

    def _handle(self, body: bytes) -> None:
        if self._ciphers is None or self._closing or self._farewell is not None:
            return
        node = decode(self._ciphers.receive.decrypt(body), self._tokens)
        if log.isEnabledFor(logging.DEBUG):
            log.debug("<- %s", node.xml())
        if self._session is not None:
            self._session.receive(node)

    # --- sending ---

    def send(self, node: Node) -> None:
        """Queue a stanza for the client; dropped when the connection is closing."""
        if self._closing or self._farewell is not None:
            return
        if self._held or not self._faults.flowing.is_set():
            self._held.append(node)
            if self._flush is None or self._flush.done():
                self._flush = asyncio.get_running_loop().create_task(self._flush_held())
            return
        self._send_now(node)

    async def _flush_held(self) -> None:
        await self._faults.flowing.wait()
        held, self._held = self._held, []
        for node in held:
            self._send_now(node)

    def _send_now(self, node: Node) -> None:
        if self._ciphers is None or self._writer.transport.is_closing():
            return
        if log.isEnabledFor(logging.DEBUG):
            log.debug("-> %s", node.xml())
        self._write(self._ciphers.send.encrypt(encode(node, self._tokens)))

    def _write(self, body: bytes) -> None:
        self._writer.write(self._websocket.message(frame(body)))

    def farewell(self, node: Node, *, linger: float = LINGER_SECONDS) -> None:
        """Send the last stanza of this connection and close it ``linger`` seconds later, unless the client is faster.

        whatsmeow queues stanzas and throws the queue away when the socket closes (client.go: handlerQueueLoop): closed
        at once, it would often not notice why.
        """
        self.send(node)
        if self._farewell is None and not self._closing:
            self._farewell = asyncio.get_running_loop().call_later(linger, self.close)

    def close(self) -> None:
        """Close in order: what was sent before still arrives."""
        if self._closing:
            return
        self._closing = True
        if not self._writer.transport.is_closing():
            self._writer.write(self._websocket.close())
            self._writer.close()

    def abort(self) -> None:
        """Cut the connection as a network failure would."""
        self._closing = True
        self._writer.transport.abort()


def _is_ready_at_once(login: ClientLogin) -> bool:
    try:
        payload = wa6.ClientPayload.FromString(login.payload)
        return payload.passive and payload.lidDbMigrated
    except DecodeError:
        return False
