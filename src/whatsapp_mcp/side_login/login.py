"""The short login itself: from TCP to ``<success>``, requests, and an orderly end.

It only ever sends ``<iq>``. No ``<active/>``, presence, receipt or ack: so the server keeps what it has for the device,
and what it pushes all the same is not acknowledged and comes again when neonize is back. Source: whatsmeow
socket/{framesocket,noisehandshake}.go, handshake.go, connectionevents.go, request.go.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import CertificateRefused
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.session_db.device import LinkedDevice
from whatsapp_mcp.side_login.refusals import login_refusal, request_refusal, stream_error
from whatsapp_mcp.side_login.service import CHAT_HOST, Service
from whatsapp_mcp.wire import protos
from whatsapp_mcp.wire.binary import BinaryError, decode, encode
from whatsapp_mcp.wire.certificates import CertificateError, verify_chain
from whatsapp_mcp.wire.frames import FrameBuffer, FrameError, frame
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.node import Attr, Node
from whatsapp_mcp.wire.noise import WA_HEADER, Initiator, NoiseError, Transport
from whatsapp_mcp.wire.shape_record import ShapeRecord
from whatsapp_mcp.wire.websocket import WebSocketBuffer, WebSocketError, check_response, client_request, new_key

SERVER: Final = Jid("", USER)
"""WhatsApp itself, ``s.whatsapp.net``."""

LOGIN_SECONDS: Final = 10.0
ANSWER_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 1.0
_PATH: Final = "/ws/chat"
_ORIGIN: Final = "https://web.whatsapp.com"
_READ_SIZE: Final = 1 << 16


class ConnectionLost(Exception):
    """The connection broke, or nothing came in time. What the last request did is unknown.

    Args:
        said: what the other end or the system gave as the reason.
    """

    def __init__(self, message: str, said: object = None) -> None:
        super().__init__(message)
        self.said = None if said is None else str(said)


def load(service: Service) -> None:
    """Load what a login otherwise loads when it connects, while the session waits for it: some tenths of a second of
    processor time. Blocks."""
    WebSocketBuffer("client")
    KeyPair.generate()
    for module in ("wa6", "cert"):
        getattr(protos, module)
    with contextlib.suppress(OSError):  # the login tells what is wrong with the authorities
        service.trust()


class PassiveLogin:
    """A passive login of the linked device; ``async with PassiveLogin(…) as login`` is logged in inside.

    Entering raises CertificateRefused, LoginRefused, SideReplaced or ConnectionLost. The chain of certificates is
    verified before anything that identifies the device is sent.

    Args:
        device: who logs in.
        service: where.
        payload: serialised ``ClientPayload``.
        answer_seconds: how long one request may take.
        record: of the stanzas' shapes.
    """

    def __init__(
        self,
        device: LinkedDevice,
        service: Service,
        payload: bytes,
        *,
        answer_seconds: float = ANSWER_SECONDS,
        record: ShapeRecord | None = None,
    ) -> None:
        self._device = device
        self._record = record
        self.service = service
        self._payload = payload
        self._answer_seconds = answer_seconds
        self._websocket = WebSocketBuffer("client")
        self._frames = FrameBuffer()
        self._received: list[bytes] = []
        self._ciphers: Transport | None = None
        self._id_prefix = secrets.token_hex(4).upper()
        self._requests = 0
        self._turn = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        try:
            with _connection_errors("the login"):
                async with asyncio.timeout(LOGIN_SECONDS):
                    self._streams = await self.service.connect()
                    await self._upgrade()
                    await self._handshake()
                    await self._be_let_in()
        except BaseException:
            self._abort()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Say goodbye, wait a moment for the answer, and close, whatever state the connection is in."""
        try:
            if kind is None:
                with contextlib.suppress(Exception):
                    async with asyncio.timeout(CLOSE_SECONDS):
                        await self._say_goodbye()
        finally:
            self._abort()

    async def iq(
        self,
        xmlns: str,
        kind: str,
        content: Sequence[Node] = (),
        *,
        to: Jid = SERVER,
        target: Jid | None = None,
    ) -> Node:
        """Send ``<iq xmlns type=kind to [target]>content</iq>`` and return the result stanza.

        ``kind`` is ``get`` or ``set``. One request at a time; further callers wait their turn.

        Raises:
            WhatsAppRefused: the answer was an error; ``details.error_code`` has WhatsApp's number.
            SideReplaced: another login of the device took over.
            LoginRefused: WhatsApp ended the login.
            ConnectionLost: no answer, so the outcome is unknown.
        """
        async with self._turn:
            self._requests += 1
            request_id = f"{self._id_prefix}-{self._requests}"
            attrs: dict[str, Attr] = {"id": request_id, "xmlns": xmlns, "type": kind, "to": to}
            if target is not None:
                attrs["target"] = target
            with _connection_errors(f"a request ({xmlns})"):
                async with asyncio.timeout(self._answer_seconds):
                    await self._send(Node("iq", attrs, list(content) or None))
                    answer = await self._answer_to(request_id)
        if answer.get("type") == "error":
            raise request_refusal(answer)
        return answer

    # --- the steps of a login ---

    async def _upgrade(self) -> None:
        key = new_key()
        await self._write(client_request(CHAT_HOST, _PATH, key=key, origin=_ORIGIN))
        reader, _ = self._open()
        check_response(await reader.readuntil(b"\r\n\r\n"), key=key)

    async def _handshake(self) -> None:
        noise = Initiator(self._device.noise, self._verify)
        await self._write(self._websocket.message(WA_HEADER + frame(noise.client_hello())))
        server_hello = await self._next_frame()
        await self._write(self._websocket.message(frame(noise.finish(server_hello, self._payload))))
        self._ciphers = noise.transport()

    def _verify(self, chain: bytes, server_static: bytes) -> None:
        verify_chain(chain, root_public=self.service.root_public, server_static=server_static, now=now_ms() // 1000)

    async def _be_let_in(self) -> None:
        first = await self._receive()
        if first.tag == "failure":
            raise login_refusal(first)
        if first.tag != "success":
            raise ConnectionLost("WhatsApp answered the login with an unknown stanza", first.tag)

    async def _say_goodbye(self) -> None:
        await self._write(self._websocket.close())
        reader, _ = self._open()
        while self._websocket.closed is None:
            data = await reader.read(_READ_SIZE)
            if not data:
                return
            self._websocket.feed(data)

    def _abort(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams[1].transport.abort()
            self._streams = None

    # --- stanzas and bytes ---

    async def _answer_to(self, request_id: str) -> Node:
        """The answer; messages, notifications and whatever else comes meanwhile is not ours to take."""
        while True:
            node = await self._receive()
            if node.tag == "iq" and node.get("id") == request_id and node.get("type") in ("result", "error"):
                return node

    async def _send(self, node: Node) -> None:
        if self._ciphers is None:
            raise ConnectionLost("not logged in")
        if self._record is not None:
            self._record.take(node, "sent")
        await self._write(self._websocket.message(frame(self._ciphers.send.encrypt(encode(node)))))

    async def _receive(self) -> Node:
        if self._ciphers is None:
            raise ConnectionLost("not logged in")
        node = decode(self._ciphers.receive.decrypt(await self._next_frame()))
        if self._record is not None:
            self._record.take(node, "received")
        if node.tag == "stream:error":
            raise stream_error(node) or ConnectionLost("WhatsApp ended the connection", node.xml())
        return node

    async def _next_frame(self) -> bytes:
        reader, writer = self._open()
        while not self._received:
            if self._websocket.closed is not None:
                raise EOFError("closed by the server")
            data = await reader.read(_READ_SIZE)
            if not data:
                raise EOFError("closed by the server")
            for message in self._websocket.feed(data):
                self._received += self._frames.feed(message)
            for reply in self._websocket.take_replies():  # pongs, and the answer to a close
                writer.write(reply)
        return self._received.pop(0)

    async def _write(self, data: bytes) -> None:
        _, writer = self._open()
        writer.write(data)
        await writer.drain()

    def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise ConnectionLost("the connection is closed")
        return self._streams


@contextmanager
def _connection_errors(what: str) -> Iterator[None]:
    """Everything that ends a connection, as CertificateRefused or ConnectionLost."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise CertificateRefused("the TLS certificate was not accepted", whatsapp_said=error.verify_message) from error
    except CertificateError as error:
        raise CertificateRefused("the server did not prove that it is WhatsApp", whatsapp_said=error) from error
    except TimeoutError as error:
        raise ConnectionLost(f"no answer to {what} in time") from error
    except (OSError, EOFError, asyncio.LimitOverrunError) as error:
        raise ConnectionLost(f"the connection broke during {what}", error) from error
    except (WebSocketError, FrameError, NoiseError, BinaryError) as error:
        raise ConnectionLost(f"the server broke the protocol during {what}", error) from error
