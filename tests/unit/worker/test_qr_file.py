"""The QR code as a file: the one that is valid now, or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.qr_picture import qr_picture
from whatsapp_mcp.worker.qr_file import QrFile


def test_the_code_of_the_moment_is_there_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "login-qr.png"
    file = QrFile(path)
    file.remove()  # what a killed process left, or nothing
    file.show("2@first")
    assert path.read_bytes() == qr_picture("2@first")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert others_may_read(path) is None
    file.show("2@second")
    assert path.read_bytes() == qr_picture("2@second")
    file.remove()
    assert list(tmp_path.iterdir()) == []


def test_pairing_goes_on_without_a_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = QrFile(tmp_path / "gone" / "login-qr.png")
    file.show("2@code")
    file.remove()
    assert "cannot be written" in caplog.text
