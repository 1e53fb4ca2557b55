from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.media.site import Site, running_site
from whatsapp_mcp.media.policy import MediaPolicy


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    folder = tmp_path / "outbox"
    folder.mkdir()
    return folder


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "session.db").write_bytes(b"KEYS")
    return folder


@pytest.fixture
def policy(tmp_path: Path, outbox: Path, data_dir: Path) -> MediaPolicy:
    return MediaPolicy(outbox=(outbox,), forbidden=data_dir, temp=tmp_path / "temp", allow_loopback=True)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with running_site() as site:
        yield site
