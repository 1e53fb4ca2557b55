"""Files of messages, from the media hosts to disk: what is believed of a message, and what a file may take."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.systems import needs_resource
from whatsapp_mcp.errors import (
    MediaExpired,
    NotAllowed,
    NotFound,
    SessionTimeout,
    StoreError,
    WhatsAppMcpError,
    WhatsAppRefused,
)
from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.simulator import Simulator
from whatsapp_mcp.simulator.content import compose
from whatsapp_mcp.simulator.content.attachments import upload
from whatsapp_mcp.simulator.state.blobs import Blob
from whatsapp_mcp.whatsapp import media_downloads
from whatsapp_mcp.whatsapp.media_downloads import Bounds, MediaDownloads
from whatsapp_mcp.wire.media import MediaKind
from whatsapp_mcp.wire.protos import e2e

MIB = 1024 * 1024
CONTENT = os.urandom(700_000)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with Simulator() as running:
        yield running


def document(simulator: Simulator, content: bytes = CONTENT, **changes: Any) -> Any:
    """A message with a file that lies on the media host. ``changes``: what its sender writes instead."""
    media = upload(simulator.world.media, MediaKind.DOCUMENT, content)
    message = compose.document(media, name="a.bin", mimetype="application/octet-stream")
    for name, value in changes.items():
        setattr(message.documentMessage, name, value)
    return message


async def fetch(simulator: Simulator, message: Any, path: Path, *, size: int = 2 * MIB, seconds: float = 30) -> None:
    downloads = MediaDownloads(simulator.endpoint)
    bounds = Bounds(size, time.monotonic() + seconds)
    async with asyncio.timeout(40):
        await asyncio.to_thread(downloads.fetch, message, path, bounds)


async def refused(simulator: Simulator, message: Any, path: Path, **options: Any) -> WhatsAppMcpError:
    with pytest.raises(WhatsAppMcpError) as caught:
        await fetch(simulator, message, path, **options)
    assert not path.exists()
    return caught.value


async def test_the_content_is_on_disk_and_nobody_elses(simulator: Simulator, tmp_path: Path) -> None:
    for number, content in enumerate((CONTENT, b"x", bytes(16), os.urandom(2 * MIB))):
        place = tmp_path / f"{number}"
        await fetch(simulator, document(simulator, content), place)
        assert place.read_bytes() == content
        assert others_may_read(place) is None


@pytest.mark.parametrize("claim", [0, 1, len(CONTENT) + 1, 2**62, 2**63, 2**64 - 1])
async def test_the_length_that_a_sender_claims_decides_nothing(
    simulator: Simulator, tmp_path: Path, claim: int
) -> None:
    await fetch(simulator, document(simulator, fileLength=claim), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("claim", [1, 2**63])
async def test_the_real_length_counts(simulator: Simulator, tmp_path: Path, claim: int) -> None:
    message = document(simulator, fileLength=claim)
    await fetch(simulator, message, tmp_path / "fits", size=len(CONTENT))
    error = await refused(simulator, message, tmp_path / "large", size=len(CONTENT) - 32)
    assert isinstance(error, NotAllowed)
    assert "WHATSAPP_MCP_DOWNLOAD_LIMIT" in error.next_step


async def test_a_host_that_announces_no_length_is_stopped_in_the_middle(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_downloads, "_announced", lambda answer: None)
    assert isinstance(await refused(simulator, document(simulator), tmp_path / "file", size=300_000), NotAllowed)


async def test_a_file_for_which_there_is_no_space(
    simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9 - MIB, MIB))
    assert isinstance(await refused(simulator, document(simulator), tmp_path / "file"), StoreError)


async def test_a_folder_that_is_not_there(simulator: Simulator, tmp_path: Path) -> None:
    assert isinstance(await refused(simulator, document(simulator), tmp_path / "no" / "file"), StoreError)


async def test_another_file_is_not_taken_for_it(simulator: Simulator, tmp_path: Path) -> None:
    other = hashlib.sha256(b"other").digest()
    for changes in (
        {"fileSHA256": other},
        {"fileEncSHA256": other},
        {"mediaKey": other},
        {"mediaKey": b"short"},
        {"fileSHA256": b""},
        {"fileEncSHA256": b""},
    ):
        error = await refused(simulator, document(simulator, **changes), tmp_path / "file")
        assert isinstance(error, WhatsAppRefused), changes
    simulator.faults.media.corrupt_downloads()
    assert isinstance(await refused(simulator, document(simulator), tmp_path / "file"), WhatsAppRefused)


async def test_a_file_that_is_no_ciphertext(simulator: Simulator, tmp_path: Path) -> None:
    for content in (b"", b"0123456789", b"x" * 31):
        stored = simulator.world.media.add(MediaKind.DOCUMENT, Blob.of([content]))
        message = document(simulator, directPath=stored.direct_path, fileEncSHA256=hashlib.sha256(content).digest())
        assert isinstance(await refused(simulator, message, tmp_path / "file"), WhatsAppRefused)


@pytest.mark.parametrize(
    "path", ["", "evil.example/x", "//evil.example/x", "@evil.example/x", "/a b", "/a\r\nX: y", "/\\evil", "/a#b", "/é"]
)
async def test_the_address_leads_to_whatsapps_hosts(simulator: Simulator, tmp_path: Path, path: str) -> None:
    message = document(simulator, directPath=path, URL="http://127.0.0.1:1/x")
    assert isinstance(await refused(simulator, message, tmp_path / "file"), NotFound)


async def test_a_message_without_a_file(simulator: Simulator, tmp_path: Path) -> None:
    assert isinstance(await refused(simulator, e2e.Message(conversation="hi"), tmp_path / "file"), NotFound)


async def test_a_file_of_a_newsletter_is_not_encrypted(simulator: Simulator, tmp_path: Path) -> None:
    stored = simulator.world.media.add(MediaKind.IMAGE, Blob.of([CONTENT]), encrypted=False)
    image = e2e.ImageMessage(directPath=stored.direct_path, fileSHA256=hashlib.sha256(CONTENT).digest())
    await fetch(simulator, e2e.Message(imageMessage=image), tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    image.fileSHA256 = hashlib.sha256(b"other").digest()
    assert isinstance(await refused(simulator, e2e.Message(imageMessage=image), tmp_path / "other"), WhatsAppRefused)


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_what_is_gone(simulator: Simulator, tmp_path: Path, status: int) -> None:
    simulator.faults.media.fail_downloads(status)
    assert isinstance(await refused(simulator, document(simulator), tmp_path / "file"), MediaExpired)


async def test_a_busy_host_and_a_broken_connection_are_tried_again(simulator: Simulator, tmp_path: Path) -> None:
    simulator.faults.media.fail_downloads(503, retry_after=0, times=2)
    await fetch(simulator, document(simulator), tmp_path / "busy")
    simulator.faults.media.cut_downloads()
    await fetch(simulator, document(simulator), tmp_path / "cut")
    assert (tmp_path / "cut").read_bytes() == CONTENT
    simulator.faults.media.fail_downloads(503, retry_after=0, times=5)
    error = await refused(simulator, document(simulator), tmp_path / "file")
    assert isinstance(error, WhatsAppRefused)
    assert "503" in error.message
    simulator.faults.media.fail_downloads(400)
    assert isinstance(await refused(simulator, document(simulator), tmp_path / "file"), WhatsAppRefused)


async def test_it_ends_when_its_time_is_over(simulator: Simulator, tmp_path: Path) -> None:
    assert isinstance(await refused(simulator, document(simulator), tmp_path / "file", seconds=0), SessionTimeout)


async def test_it_ends_when_nobody_waits(simulator: Simulator, tmp_path: Path) -> None:
    simulator.faults.media.slow(3)
    place = tmp_path / "unwanted"
    task = asyncio.create_task(fetch(simulator, document(simulator), place))
    while not place.exists():
        await asyncio.sleep(0.001)
    place.unlink()
    with pytest.raises(SessionTimeout):
        await task


FETCH = """
import resource, sys, time
from pathlib import Path
from whatsapp_mcp.endpoint import Endpoint
from whatsapp_mcp.whatsapp.media_downloads import Bounds, MediaDownloads
from whatsapp_mcp.wire.protos import e2e
message = e2e.Message.FromString(Path(sys.argv[2]).read_bytes())
downloads = MediaDownloads(Endpoint.read(Path(sys.argv[1])))
downloads.fetch(message, Path(sys.argv[3]), Bounds(2**30, time.monotonic() + 60))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@needs_resource
async def test_memory_does_not_grow_with_the_file(simulator: Simulator, tmp_path: Path) -> None:
    simulator.write_endpoint(tmp_path / "endpoint")
    peaks = []
    for size in (1, 64):
        message = tmp_path / f"{size}.message"
        message.write_bytes(document(simulator, bytes(size * MIB)).SerializeToString())
        command = (sys.executable, "-c", FETCH, str(tmp_path / "endpoint"), str(message), str(tmp_path / f"{size}"))
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        out, _ = await process.communicate()
        assert (tmp_path / f"{size}").stat().st_size == size * MIB
        peaks.append(int(out))
    assert peaks[1] < 1.1 * peaks[0]


PICTURE = "https://pps.whatsapp.net/v/t61.24694-24/1_n.jpg?ccb=11-4&oh=01_Q5"


@pytest.mark.parametrize(
    "address",
    [
        "http://pps.whatsapp.net/v/1.jpg",
        "https://pps.whatsapp.net.example.com/v/1.jpg",
        "https://example.com/pps.whatsapp.net/1.jpg",
        "https://evilwhatsapp.net/v/1.jpg",
        "https://whatsapp.net/v/1.jpg",
        "https://me@pps.whatsapp.net/v/1.jpg",
        "https://pps.whatsapp.net:8443/v/1.jpg",
        "https://pps.whatsapp.net/v/1.jpg#x",
        "https://pps.whatsapp.net/v/1 2.jpg",
        "https://pps.whatsapp.net/v/1.jpg\n",
        "file:///etc/passwd",
        "",
    ],
)
def test_pictures_come_from_whatsapp_alone(address: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="where this picture lies"):
        MediaDownloads(None).fetch_picture(address, tmp_path / "picture", Bounds(1, time.monotonic() + 1))
    assert not (tmp_path / "picture").exists()
