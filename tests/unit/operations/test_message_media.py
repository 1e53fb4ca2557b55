"""Fetching received files: how long it may take."""

from __future__ import annotations

import hashlib
import urllib.request

import pytest
from anyio import to_thread

from tests.unit.media import samples
from tests.unit.operations.bench import Bench
from whatsapp_mcp.errors import StoreError
from whatsapp_mcp.media import downloads
from whatsapp_mcp.models.content import Content, MediaInfo, MessageKind
from whatsapp_mcp.operations.media_files import DOWNLOAD_TIMEOUT
from whatsapp_mcp.pipe.messages import DownloadMedia


@pytest.mark.parametrize(
    ("claimed", "more"), [(None, 0), (-5, 0), (50_000_000, 50), (1 << 60, 268)], ids=["unknown", "less", "50 MB", "lie"]
)
async def test_a_large_file_may_take_longer_up_to_the_largest_allowed(
    bench: Bench, claimed: int | None, more: int
) -> None:
    seconds: list[float] = []

    def download(command: DownloadMedia) -> None:
        seconds.append(command.seconds)
        bench.keep(command, b"content")

    bench.session.answers["download_media"] = download
    media = MediaInfo(mimetype="application/zip", file_name="all.zip", file_length=claimed)
    bench.receive("D1", content=Content(MessageKind.DOCUMENT, "all.zip", media=media))
    found = await bench.run("downloadMessageMedia", message_id="D1", phone="Ana")
    assert found["file_size"] == len(b"content")
    assert [int(value) for value in seconds] == [DOWNLOAD_TIMEOUT - 1 + more]


def receive_picture(bench: Bench, content: bytes) -> None:
    media = MediaInfo(mimetype="image/jpeg", file_sha256=hashlib.sha256(content).digest())
    bench.receive("P1", content=Content(MessageKind.IMAGE, media=media))
    bench.session.answers["download_media"] = lambda command: bench.keep(command, content)


@pytest.mark.parametrize("seconds", [0, 60])
async def test_of_a_file_in_a_bucket_the_address_is_told_and_a_link_if_the_owner_wants_it(
    bench: Bench, bucket: str, seconds: int
) -> None:
    picture = samples.jpeg(64)
    bench.use(bench.settings.model_copy(update={"media": f"s3://{bucket}", "media_link_seconds": seconds}))
    receive_picture(bench, picture)
    found = await bench.run("downloadMessageMedia", message_id="P1", phone="Ana")
    assert found["file_path"] == f"s3://{bucket}/default/{found['filename']}"
    assert (found["file_size"], found["media_type"]) == (len(picture), "image/jpeg")
    assert ("file_url" in found) == bool(seconds)
    if seconds:
        with await to_thread.run_sync(urllib.request.urlopen, found["file_url"]) as answer:
            assert answer.read() == picture
    assert len(bench.outcome.images) == 1, "it is shown"
    assert list((bench.settings.media_dir / "outgoing").iterdir()) == [], "no copy stays here"
    assert bench.outcome.file is not None
    with bench.outcome.file.file.opened() as file:
        assert file.read() == picture
    again = await bench.run("downloadMessageMedia", message_id="P1", phone="Ana")
    assert (again["file_path"], len(bench.session.commands)) == (found["file_path"], 1), "it is not fetched twice"


async def test_a_session_that_keeps_media_elsewhere_is_said(bench: Bench, bucket: str) -> None:
    kept = bench.services.received
    bench.use(bench.settings.model_copy(update={"media": f"s3://{bucket}"}))
    receive_picture(bench, b"content")

    def elsewhere(command: DownloadMedia) -> None:
        draft = downloads.draft(bench.settings.media_dir / downloads.TEMPORARY)
        draft.write_bytes(b"content")
        kept.keep(draft, command.file)

    bench.session.answers["download_media"] = elsewhere
    with pytest.raises(StoreError, match="not to s3://") as raised:
        await bench.run("downloadMessageMedia", message_id="P1", phone="Ana")
    assert "WHATSAPP_MCP_MEDIA" in raised.value.next_step
