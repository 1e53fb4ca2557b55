"""What the tests of commands begin with."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from whatsapp_mcp.settings import Settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("WHATSAPP"):
            monkeypatch.delenv(name)


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
    settings.account_dir.mkdir(mode=0o700, parents=True)
    return settings
