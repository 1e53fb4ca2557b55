"""Fetching received files: how long it may take."""

from __future__ import annotations

import pytest

from tests.unit.operations.bench import Bench
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
