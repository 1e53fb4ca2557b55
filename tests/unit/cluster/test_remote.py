"""The endpoint for other nodes: who may come in, and whom a client believes."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from whatsapp_mcp.cluster import remote
from whatsapp_mcp.cluster.certificate import own_context

SECRET = "5" * 64
LIMIT = 1 << 16
WAIT = 60.0


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    line = await reader.readline()
    writer.write(b"hello " + line)
    await writer.drain()
    writer.close()


async def test_who_knows_the_secret_comes_in() -> None:
    endpoint = await remote.listen("127.0.0.1", greet, secret=SECRET, limit=LIMIT)
    streams = await remote.connect(endpoint.host, endpoint.port, endpoint.fingerprint, secret=SECRET, limit=LIMIT)
    assert streams is not None
    reader, writer = streams
    writer.write(b"ana\n")
    async with asyncio.timeout(WAIT):
        assert await reader.readline() == b"hello ana\n"
    writer.close()
    endpoint.close()


async def test_who_does_not_gets_no_answer() -> None:
    endpoint = await remote.listen("127.0.0.1", greet, secret=SECRET, limit=LIMIT)
    streams = await remote.connect(endpoint.host, endpoint.port, endpoint.fingerprint, secret="6" * 64, limit=LIMIT)
    assert streams is not None
    reader, writer = streams
    writer.write(b"ana\n")
    async with asyncio.timeout(WAIT):
        answer = b""
        with suppress(OSError):
            answer = await reader.readline()
    assert answer == b""
    writer.transport.abort()
    endpoint.close()


async def test_another_certificate_is_told_nothing() -> None:
    heard: list[bytes] = []

    async def listen_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    context, _ = own_context()
    server = await asyncio.start_server(listen_in, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    _, fingerprint = own_context()
    assert await remote.connect("127.0.0.1", port, fingerprint, secret=SECRET, limit=LIMIT) is None
    server.close()
    async with asyncio.timeout(WAIT):
        await server.wait_closed()
    assert heard in ([], [b""])


async def test_where_nobody_listens_nobody_is_found() -> None:
    endpoint = await remote.listen("127.0.0.1", greet, secret=SECRET, limit=LIMIT)
    endpoint.close()
    assert await remote.connect("127.0.0.1", endpoint.port, endpoint.fingerprint, secret=SECRET, limit=LIMIT) is None


async def test_an_address_of_another_machine_cannot_be_listened_at() -> None:
    with pytest.raises(OSError):
        await remote.listen("192.0.2.1", greet, secret=SECRET, limit=LIMIT)
