"""Where data lies by default."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from whatsapp_mcp.platform.data_folder import data_folder


@pytest.mark.skipif(sys.platform != "linux", reason="XDG is Linux's")
def test_linux_has_its_folder_where_xdg_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere")
    assert data_folder("program") == Path("/somewhere/program")


@pytest.mark.skipif(sys.platform != "win32", reason="Windows alone has AppData")
def test_windows_has_it_where_all_hosts_see_the_same() -> None:
    home = Path.home()
    assert data_folder("program") == home / ".program"
    assert "AppData" not in data_folder("program").relative_to(home).parts
