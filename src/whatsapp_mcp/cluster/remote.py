"""The endpoint of a session process for other nodes: TLS, and the secret of the cluster as the first line.

After that line it is the endpoint of the account, as on the machine itself. A connection whose other end is gone
without a word ends by itself some seconds later.
"""

from __future__ import annotations

import asyncio
import ssl
from hashlib import sha256
from hmac import compare_digest
from typing import Final

from whatsapp_mcp.cluster.certificate import own_context, pinning_context
from whatsapp_mcp.cluster.times import CONNECT_LIMIT, DEATH
from whatsapp_mcp.platform.listener import BACKLOG, Accepted
from whatsapp_mcp.platform.loopback import asking_for
from whatsapp_mcp.platform.sockets import notice_death

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_HANDSHAKE_LIMIT: Final = 5.0


class RemoteEndpoint:
    """Accepts other nodes until it is closed."""

    def __init__(self, server: asyncio.Server, host: str, fingerprint: str) -> None:
        self._server = server
        self.host = host
        self.port: int = server.sockets[0].getsockname()[1]
        self.fingerprint = fingerprint

    def close(self) -> None:
        """What is connected stays."""
        self._server.close()


async def listen(host: str, accepted: Accepted, *, secret: str, limit: int) -> RemoteEndpoint:
    """Listen at an address of this machine.

    Args:
        accepted: is given the streams of everybody who knows the secret.
        limit: bytes of the longest line.

    Raises:
        OSError: it is no address of this machine.
    """
    context, fingerprint = own_context()
    known = asking_for(secret, accepted)

    async def check(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        notice_death(writer.get_extra_info("socket"), DEATH)
        await known(reader, writer)

    server = await asyncio.start_server(
        check, host, 0, limit=limit, backlog=BACKLOG, ssl=context, ssl_handshake_timeout=_HANDSHAKE_LIMIT
    )
    return RemoteEndpoint(server, host, fingerprint)


async def connect(host: str, port: int, fingerprint: str, *, secret: str, limit: int) -> Streams | None:
    """The streams to who has that certificate; None when nobody does."""
    try:
        async with asyncio.timeout(CONNECT_LIMIT):
            reader, writer = await asyncio.open_connection(
                host, port, limit=limit, ssl=pinning_context(), server_hostname=""
            )
    except (OSError, TimeoutError, ssl.SSLError):
        return None
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b""
    if not compare_digest(sha256(found).hexdigest(), fingerprint):
        writer.transport.abort()
        return None
    notice_death(writer.get_extra_info("socket"), DEATH)
    writer.write(f"{secret}\n".encode())
    return reader, writer
