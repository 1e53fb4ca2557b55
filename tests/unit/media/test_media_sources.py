from __future__ import annotations

import asyncio
import base64
import os
import sys
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from tests.unit.media.samples import jpeg
from tests.unit.media.site import Site, response
from tests.unit.systems import needs_resource
from tests.unit.waiting import WAIT
from whatsapp_mcp.errors import InvalidArgument, NotAllowed
from whatsapp_mcp.media.limits import MIB
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.source.sources import SourceFile, fetch
from whatsapp_mcp.media.work import Work, WorkCancelled

SMALL = 4000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "copy").mkdir()
    return tmp_path / "copy"


@pytest.fixture
def small(policy: MediaPolicy) -> MediaPolicy:
    return replace(policy, image_limit=SMALL)


@pytest.fixture(autouse=True)
async def deadline() -> AsyncIterator[None]:
    async with asyncio.timeout(2 * WAIT):
        yield


async def get(source: str, folder: Path, policy: MediaPolicy, work: Work | None = None) -> SourceFile:
    return await fetch(source, folder, field="image", limit=policy.image_limit, policy=policy, work=work or Work())


async def test_a_path_is_copied(outbox: Path, folder: Path, policy: MediaPolicy) -> None:
    (outbox / "photo.exe").write_bytes(jpeg())
    found = await get("photo.exe", folder, policy)
    assert found.path.read_bytes() == jpeg()
    assert (found.name, found.mimetype) == ("photo.exe", "image/jpeg")
    assert found.path.parent == folder


@pytest.mark.parametrize(
    ("headers", "path", "name"),
    [
        ({}, "/a/Photo%20%C3%BC.jpg?x=1", "Photo ü.jpg"),
        ({"Content-Disposition": 'attachment; filename="real name.jpg"'}, "/x", "real name.jpg"),
        ({"Content-Disposition": "attachment; filename=x; filename*=UTF-8''%e2%82%ac.jpg"}, "/x", "€.jpg"),
        ({"Content-Type": "text/html"}, "/", ""),
    ],
)
async def test_a_link_is_copied(
    headers: dict[str, str], path: str, name: str, site: Site, folder: Path, policy: MediaPolicy
) -> None:
    site.answers[path] = response(jpeg(), headers=headers)
    found = await get(site.link(path), folder, policy)
    assert found.path.read_bytes() == jpeg()
    assert (found.name, found.mimetype) == (name, "image/jpeg")


@pytest.mark.parametrize(
    "uri",
    [
        "data:image/png;base64," + base64.b64encode(jpeg()).decode(),
        "DATA:;base64," + base64.urlsafe_b64encode(jpeg()).decode().rstrip("="),
        "data:;base64," + base64.encodebytes(jpeg()).decode(),
        "data:;name=a%20b.jpg;base64," + base64.b64encode(jpeg()).decode().replace("+", "%2B").replace("=", "%3D"),
        "data:," + "".join(f"%{byte:02x}" for byte in jpeg()),
    ],
)
async def test_a_data_uri_is_decoded(uri: str, folder: Path, policy: MediaPolicy) -> None:
    found = await get(uri, folder, policy)
    assert found.path.read_bytes() == jpeg()
    assert found.mimetype == "image/jpeg"
    assert found.name == ("a b.jpg" if "name" in uri else "")


@pytest.mark.parametrize(
    "uri",
    [
        "data:",
        "data:image/png;base64",
        "data:;base64,",
        "data:,",
        "data:;base64,****",
        "data:;base64,A",
        "data:;base64,AAAA=AAA",
    ],
)
async def test_malformed_data_uris(uri: str, folder: Path, policy: MediaPolicy) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await get(uri, folder, policy)
    assert caught.value.details["field"] == "image"


async def test_too_large_and_empty_sources(site: Site, outbox: Path, folder: Path, small: MediaPolicy) -> None:
    large = b"x" * (SMALL + 1)

    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
            await writer.drain()

    async def lying(writer: asyncio.StreamWriter) -> None:
        writer.write(response(large, length=10))

    site.answers["/declared"] = response(large)
    site.answers["/endless"] = endless
    site.answers["/lying"] = lying
    site.answers["/empty"] = response(b"")
    (outbox / "large").write_bytes(large)
    (outbox / "empty").write_bytes(b"")
    for number, source in enumerate(
        [
            site.link("/declared"),
            site.link("/endless"),
            "large",
            "data:;base64," + base64.b64encode(large).decode(),
            "data:," + "x" * (SMALL + 1),
            "data:," + "x" * (4 * SMALL),
        ]
    ):
        (folder / str(number)).mkdir()
        with pytest.raises(InvalidArgument, match="larger than"):
            await get(source, folder / str(number), small)
    for source in (site.link("/empty"), "empty"):
        (folder / "source").unlink(missing_ok=True)
        with pytest.raises(InvalidArgument, match="empty"):
            await get(source, folder, small)
    (folder / "source").unlink(missing_ok=True)
    assert (
        await get(site.link("/lying"), folder, small)
    ).path.stat().st_size == 10  # never more than what was declared


async def test_a_file_that_grows_while_it_is_read_is_still_limited(
    outbox: Path, folder: Path, small: MediaPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    (outbox / "growing").write_bytes(b"x" * 10)
    monkeypatch.setattr(os, "read", lambda descriptor, count: b"x" * 1000)
    with pytest.raises(InvalidArgument, match="larger than"):
        await get("growing", folder, small)


async def test_a_link_has_a_total_time(site: Site, folder: Path, policy: MediaPolicy) -> None:
    stopped = anyio.Event()

    async def dripping(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await anyio.sleep(0.01)
        finally:
            stopped.set()

    site.answers["/"] = dripping
    with pytest.raises(InvalidArgument, match="within"):
        await get(site.link(), folder, replace(policy, url_timeout=0.3))
    with anyio.fail_after(WAIT):
        await stopped.wait()


async def test_links_inside_are_not_fetched(site: Site, folder: Path, policy: MediaPolicy) -> None:
    site.answers["/"] = response(b"SECRET")
    with pytest.raises(NotAllowed) as caught:
        await get(site.link(), folder, replace(policy, allow_loopback=False))
    assert caught.value.details["field"] == "image"
    assert site.requests == []


@pytest.mark.parametrize("source", ["ftp://example.com/x", "file:///etc/passwd", "smb://host/share/x"])
async def test_other_schemes_are_not_known(source: str, folder: Path, policy: MediaPolicy) -> None:
    with pytest.raises(InvalidArgument, match="http"):
        await get(source, folder, policy)


async def test_the_resource_of_a_message_is_to_be_forwarded(folder: Path, policy: MediaPolicy) -> None:
    with pytest.raises(NotAllowed) as caught:
        await get("whatsapp://media/4915100000001@s.whatsapp.net/3EB0", folder, policy)
    assert "forwardMessage" in caught.value.next_step


async def test_only_what_may_be_larger_as_a_document_is_sent_to_it(
    outbox: Path, folder: Path, small: MediaPolicy
) -> None:
    (outbox / "large").write_bytes(b"x" * (SMALL + 1))
    for policy, advises in ((small, True), (replace(small, file_limit=SMALL), False)):
        with pytest.raises(InvalidArgument) as caught:
            await get("large", folder, policy)
        assert ("sendFile" in caught.value.next_step) == advises
        (folder / "source").unlink(missing_ok=True)


async def test_progress_and_cancellation(outbox: Path, folder: Path, policy: MediaPolicy) -> None:
    (outbox / "x").write_bytes(b"x" * 5 * MIB)
    seen: list[float] = []
    await get("x", folder, policy, Work(seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert len(seen) == 5
    cancelled = threading.Event()
    cancelled.set()
    (folder / "source").unlink()
    with pytest.raises(WorkCancelled):
        await get("x", folder, policy, Work(seen.append, cancelled))


MEMORY = """
import asyncio, resource, sys
from pathlib import Path
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.media.source import web
from whatsapp_mcp.media.source.sources import fetch
from whatsapp_mcp.media.work import Work
none = Path("/nonexistent")
policy = MediaPolicy(outbox=(Path(sys.argv[1]),), forbidden=none, temp=none, allow_loopback=True)
async def main():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    limit = policy.file_limit
    found = await fetch(sys.argv[2], Path(sys.argv[3]), field="file", limit=limit, policy=policy, work=Work())
    print(found.path.stat().st_size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
asyncio.run(main())
"""


@needs_resource
@pytest.mark.parametrize("way", ["path", "link"])
async def test_50_mb_pass_in_bounded_memory(way: str, site: Site, outbox: Path, folder: Path) -> None:
    size = 50 * MIB
    with (outbox / "big").open("wb") as file:
        file.truncate(size)

    async def big(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        for _ in range(50):
            writer.write(bytes(MIB))
            await writer.drain()

    site.answers["/big"] = big
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        MEMORY,
        str(outbox),
        "big" if way == "path" else site.link("/big"),
        str(folder),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    copied, kilobytes = map(int, out.split())
    assert copied == size
    assert kilobytes < 12 * 1024
