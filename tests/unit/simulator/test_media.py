"""The media hosts over HTTPS: what they demand of uploads, and how they keep and serve files."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import resource
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.simulator.raw_client import open_tunnel
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.service.router import SERVER
from whatsapp_mcp.simulator.state.blobs import Blob
from whatsapp_mcp.wire import media
from whatsapp_mcp.wire.media import MediaKind
from whatsapp_mcp.wire.node import Node

HOST = "mmg.whatsapp.net"


@dataclass
class Browser:
    """One keep-alive connection to a media host."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    auth: str

    async def ask(self, method: str, target: str, body: bytes = b"", *, chunked: bool = False) -> tuple[int, bytes]:
        length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
        self.writer.write(f"{method} {target} HTTP/1.1\r\nHost: {HOST}\r\n{length}\r\n\r\n".encode())
        if chunked:
            for start in range(0, len(body), 1000):
                part = body[start : start + 1000]
                self.writer.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            self.writer.write(b"0\r\n\r\n")
        else:
            for start in range(0, len(body), 1 << 18):
                self.writer.write(body[start : start + (1 << 18)])
                await self.writer.drain()
        async with asyncio.timeout(60):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            size = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("Content-Length"))
            return int(head.split(" ")[1]), await self.reader.readexactly(size)

    async def upload(self, file: bytes, **changes: Any) -> tuple[int, dict[str, str]]:
        token = base64.urlsafe_b64encode(changes.get("digest", hashlib.sha256(file).digest())).decode()
        auth, query = changes.get("auth", self.auth), changes.get("query", token)
        path = changes.get("path", f"/mms/{changes.get('kind', 'image')}/{token}")
        status, body = await self.ask(
            "POST", f"{path}?auth={auth}&token={query}", file, chunked=changes.get("chunked", False)
        )
        return status, json.loads(body) if body else {}


def permission(simulator: Simulator) -> dict[str, str]:
    """What a device gets that asks for the media hosts."""
    answers: list[Node] = []
    request = Node("iq", {"id": "1", "type": "set", "xmlns": "w:m", "to": SERVER}, [Node("media_conn")])
    simulator.router.dispatch(simulator.phone.device, request, answers.append)
    connection = answers[0].child("media_conn")
    assert connection is not None
    assert [host.get("hostname") for host in connection.children("host")] == [HOST]
    return {name: str(value) for name, value in connection.attrs.items()}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


@pytest.fixture
async def browser(simulator: Simulator) -> AsyncIterator[Browser]:
    reader, writer = await open_tunnel(simulator.endpoint, HOST)
    yield Browser(reader, writer, permission(simulator)["auth"])
    writer.close()


def test_the_permission_has_all_that_clients_need() -> None:
    given = permission(Simulator())
    assert set(given) == {"auth", "ttl", "auth_ttl", "max_buckets"}
    assert all(given[name].isdigit() for name in ("ttl", "auth_ttl", "max_buckets"))


@pytest.mark.parametrize("chunked", [False, True])
async def test_what_is_uploaded_can_be_downloaded(browser: Browser, simulator: Simulator, chunked: bool) -> None:
    file, _ = media.seal(os.urandom(70_000), MediaKind.IMAGE)
    status, answer = await browser.upload(file, chunked=chunked)
    assert status == 200
    assert answer["url"] == f"https://{HOST}{answer['direct_path']}"
    assert await browser.ask("GET", f"{answer['direct_path']}&hash=x&mms-type=image&__wa-mms=") == (200, file)
    assert await browser.ask("GET", answer["direct_path"]) == (200, file)  # the same connection
    assert [upload.file.kind for upload in simulator.media.uploads] == [MediaKind.IMAGE]
    assert len(simulator.media.downloads) == 2


FILE, _ = media.seal(b"content", MediaKind.IMAGE)


@pytest.mark.parametrize(
    ("file", "changes", "status"),
    [
        (FILE, {"auth": "guessed"}, 401),
        (FILE, {"auth": ""}, 401),
        (FILE, {"digest": bytes(32)}, 400),
        (FILE, {"query": base64.urlsafe_b64encode(bytes(32)).decode()}, 400),
        (FILE, {"kind": "gossip"}, 404),
        (FILE, {"path": "/mms/image/not-a-token"}, 404),
        (FILE, {"path": "/mms/image"}, 404),
        (b"plain text of 26 bytes ...", {}, 200),
        (b"plain", {}, 200),  # as Baileys uploads what is for newsletters
    ],
    ids=lambda value: (
        f"{len(value)} bytes" if isinstance(value, bytes) else None
    ),  # the file is random, and names must not be
)
async def test_uploads_are_checked(browser: Browser, file: bytes, changes: dict[str, Any], status: int) -> None:
    assert (await browser.upload(file, **changes))[0] == status
    assert (await browser.upload(FILE))[0] == 200  # the connection lives on


async def test_an_unlinked_device_may_not_upload(browser: Browser, simulator: Simulator) -> None:
    simulator.phone.account.devices.pop(0)
    assert (await browser.upload(FILE))[0] == 401


async def test_the_permission_ends(simulator: Simulator, browser: Browser) -> None:
    now = simulator.world.clock()
    simulator.world.clock = lambda: now + 7 * 3600
    assert (await browser.upload(FILE))[0] == 401


async def test_newsletter_uploads_are_plain(browser: Browser) -> None:
    content = b"any length will do"
    token = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode()
    status, answer = await browser.upload(content, path=f"/newsletter/newsletter-image/{token}")
    assert (status, set(answer)) == (200, {"url", "direct_path", "handle"})
    assert await browser.ask("GET", answer["direct_path"]) == (200, content)


async def test_deletion_needs_the_hash_of_the_file(browser: Browser, simulator: Simulator) -> None:
    _, answer = await browser.upload(FILE, kind="md-msg-hist")
    path = answer["direct_path"].partition("?")[0]
    encoded = base64.urlsafe_b64encode(path.encode()).decode().rstrip("=")
    wrong, right = (base64.urlsafe_b64encode(d).decode() for d in (bytes(32), hashlib.sha256(FILE).digest()))
    target = f"/mms/md-msg-hist/{{}}?d_md={encoded}&auth={browser.auth}"
    assert (await browser.ask("DELETE", target.format(wrong)))[0] == 404
    assert await browser.ask("DELETE", f"/mms/md-msg-hist/{right}?d_md={encoded}&auth=no") == (401, b"")
    assert await browser.ask("DELETE", target.format(right)) == (200, b"{}")
    assert (await browser.ask("GET", path))[0] == 404
    assert len(simulator.media.deletions) == 1


async def test_other_methods_and_unknown_files(browser: Browser) -> None:
    assert (await browser.ask("PUT", f"/mms/image/{'A' * 43}=?auth={browser.auth}"))[0] == 405
    assert (await browser.ask("POST", "/v/t62.7118-24/x.enc"))[0] == 405
    assert (await browser.ask("GET", "/v/t62.7118-24/x.enc"))[0] == 404
    assert (await browser.ask("GET", "/anything"))[0] == 404


async def test_expired_files(browser: Browser, simulator: Simulator) -> None:
    _, answer = await browser.upload(FILE)
    for status in (410, 403, 404):
        simulator.world.media.expire(answer["direct_path"], status)
        assert (await browser.ask("GET", answer["direct_path"]))[0] == status
    with pytest.raises(KeyError):
        simulator.world.media.expire("/v/unknown")


async def test_faults_count_down_and_can_be_cleared(browser: Browser, simulator: Simulator) -> None:
    faults = simulator.faults.media
    faults.fail_uploads(500, times=2)
    statuses = [(await browser.upload(FILE))[0] for _ in range(3)]
    assert statuses == [500, 500, 200]
    _, answer = await browser.upload(FILE)
    faults.corrupt_downloads()
    altered, intact = [(await browser.ask("GET", answer["direct_path"]))[1] for _ in range(2)]
    assert (altered[1:], intact) == (FILE[1:], FILE)
    assert altered != FILE
    faults.fail_downloads(503, times=-1)
    assert (await browser.ask("GET", answer["direct_path"]))[0] == 503
    simulator.faults.clear()
    assert (await browser.ask("GET", answer["direct_path"]))[0] == 200


async def test_a_cut_download_ends_in_the_middle(browser: Browser, simulator: Simulator) -> None:
    file, _ = media.seal(os.urandom(1_000_000), MediaKind.VIDEO)
    _, answer = await browser.upload(file, kind="video")
    simulator.faults.media.cut_downloads()
    with pytest.raises((asyncio.IncompleteReadError, ConnectionResetError)):
        await browser.ask("GET", answer["direct_path"])


async def test_a_dead_network_is_dead_for_media_too(browser: Browser, simulator: Simulator) -> None:
    simulator.faults.silence()
    uploading = asyncio.create_task(browser.upload(FILE))
    done, _ = await asyncio.wait([uploading], timeout=0.2)
    assert not done
    simulator.faults.resume()
    assert (await uploading)[0] == 200


async def test_large_files_are_not_held_in_memory(browser: Browser, simulator: Simulator) -> None:
    size = 64 << 20
    file = os.urandom(size - 6)  # 16 n + 10 bytes
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    status, answer = await browser.upload(file, kind="document")
    assert status == 200
    stored = simulator.world.media.find(answer["direct_path"])
    assert stored is not None
    digest = hashlib.sha256()
    for piece in stored.blob.pieces():
        digest.update(piece)
    assert digest.digest() == hashlib.sha256(file).digest()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < size // 2 // 1024


@pytest.mark.parametrize("size", [0, 1, 1 << 18, (1 << 18) + 1, (1 << 20) + 5])
def test_blobs_give_back_what_they_got(size: int) -> None:
    content = os.urandom(size)
    blob = Blob.of([content])
    assert (b"".join(blob.pieces()), blob.size) == (content, size)
    assert b"".join(blob.pieces()) == content
    assert blob.sha256 == hashlib.sha256(content).digest()
