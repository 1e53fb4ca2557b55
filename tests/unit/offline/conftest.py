"""What the tests of commands begin with."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from whatsapp_mcp.platform.user_folders import OperatingSystem, UserFolders
from whatsapp_mcp.private_files import ensure_private_folder
from whatsapp_mcp.settings import Settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("WHATSAPP"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> UserFolders:
    """Of a user who has no hosts; those of whoever runs the tests are not looked at."""
    folders = UserFolders(OperatingSystem.LINUX, tmp_path / "home", {})
    for module in ("cli.hosts", "offline.diagnosis.host_checks"):
        monkeypatch.setattr(f"whatsapp_mcp.{module}.here", lambda: folders)
    return folders


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """A command has the process to itself; here it is that of the tests."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose account folder exists, as a server leaves it."""
    settings = Settings(data_dir=tmp_path / "data")
    ensure_private_folder(settings.account_dir)
    return settings
