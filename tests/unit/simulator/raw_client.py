"""A client of the wire protocol without neonize: as strict or as wrong as a test wants it."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass, field

from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.wire import certificates, websocket, xeddsa
from whatsapp_mcp.wire.binary import decode, encode
from whatsapp_mcp.wire.frames import FrameBuffer, frame
from whatsapp_mcp.wire.keys import KeyPair
from whatsapp_mcp.wire.node import Node
from whatsapp_mcp.wire.noise import WA_HEADER, Initiator, Transport
from whatsapp_mcp.wire.protos import companion_reg, wa6
from whatsapp_mcp.wire.tokens import NEWEST, Dictionary, dictionary

__all__ = ["RawClient", "open_directly", "open_tunnel", "registration"]

DEADLINE = 60.0


async def open_tunnel(endpoint: Endpoint, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """TLS to a host of the simulator, through its proxy."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(endpoint.proxy.rpartition(":")[2]))
    writer.write(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise ConnectionRefusedError(head.decode())
    context = ssl.create_default_context(cafile=endpoint.ca_file)
    await writer.start_tls(context, server_hostname=host)
    return reader, writer


async def open_directly(endpoint: Endpoint, port: int, host: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """TLS to a host of the simulator, at the port for clients that know no proxies."""
    context = ssl.create_default_context(cafile=endpoint.ca_file)
    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=host)


def registration(identity: KeyPair, *, forge: bool = False) -> wa6.ClientPayload:
    """A registration payload; ``forge``: the signed prekey is signed by somebody else."""
    prekey = KeyPair.generate()
    signer = KeyPair.generate() if forge else identity
    payload = wa6.ClientPayload()
    data = payload.devicePairingData
    data.eRegid, data.eKeytype, data.eSkeyID = (77).to_bytes(4, "big"), b"\x05", (1).to_bytes(3, "big")
    data.eIdent, data.eSkeyVal = identity.public, prekey.public
    data.eSkeySig = xeddsa.sign(signer.private, b"\x05" + prekey.public)
    data.deviceProps = companion_reg.DeviceProps(os="Test").SerializeToString()
    return payload


@dataclass
class RawClient:
    """A connection after the Noise handshake."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    socket: websocket.WebSocketBuffer
    noise: Transport
    frames: FrameBuffer
    tokens: Dictionary = NEWEST
    waiting: list[bytes] = field(default_factory=list)

    @classmethod
    async def connect(
        cls,
        endpoint: Endpoint,
        static: KeyPair,
        payload: wa6.ClientPayload,
        *,
        version: int = 3,
        tls_port: int | None = None,
    ) -> RawClient:
        """``version``: of the dictionary; ``tls_port``: without the proxy."""
        async with asyncio.timeout(DEADLINE):
            if tls_port is None:
                reader, writer = await open_tunnel(endpoint, "web.whatsapp.com")
            else:
                reader, writer = await open_directly(endpoint, tls_port, "web.whatsapp.com")
            key = websocket.new_key()
            origin = "https://web.whatsapp.com"
            writer.write(websocket.client_request("web.whatsapp.com", "/ws/chat", key=key, origin=origin))
            websocket.check_response(await reader.readuntil(b"\r\n\r\n"), key=key)

            def verify(chain: bytes, server_static: bytes) -> None:
                root = endpoint.root_public
                certificates.verify_chain(chain, root_public=root, server_static=server_static, now=int(time.time()))

            header = WA_HEADER[:-1] + bytes([version])
            initiator = Initiator(static, verify, header=header)
            socket, frames = websocket.WebSocketBuffer("client"), FrameBuffer()
            client = cls(reader, writer, socket, None, frames, dictionary(version))  # type: ignore[arg-type]
            writer.write(socket.message(header + frame(initiator.client_hello())))
            finish = initiator.finish(await client.frame(), payload.SerializeToString())
            writer.write(socket.message(frame(finish)))
            client.noise = initiator.transport()
        return client

    async def frame(self) -> bytes:
        while not self.waiting:
            data = await self.reader.read(65536)
            if not data:
                raise EOFError
            for message in self.socket.feed(data):
                self.waiting += self.frames.feed(message)
            if self.socket.closed is not None and not self.waiting:
                raise EOFError
        return self.waiting.pop(0)

    async def receive(self) -> Node:
        async with asyncio.timeout(DEADLINE):
            return decode(self.noise.receive.decrypt(await self.frame()), self.tokens)

    def send(self, node: Node) -> None:
        self.writer.write(self.socket.message(frame(self.noise.send.encrypt(encode(node, self.tokens)))))

    def send_garbage(self) -> None:
        self.writer.write(self.socket.message(frame(b"\x00" * 40)))

    async def until_closed(self) -> None:
        async with asyncio.timeout(DEADLINE):
            while True:
                try:
                    await self.frame()
                except (EOFError, OSError):
                    break
        self.writer.close()
