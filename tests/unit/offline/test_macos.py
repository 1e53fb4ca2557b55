"""What `whatsapp-mcp doctor` says on macOS of the library that neonize brings along; read on any system."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.platform.mach_o_image import build_version, image

from whatsapp_mcp.offline.diagnosis.checks import Verdict
from whatsapp_mcp.offline.diagnosis.installation import check_minimum_system, check_neonize
from whatsapp_mcp.wire import native

NEEDS_26 = image(build_version(1, 26 << 16))
"""As the libraries of neonize 0.5.2 are."""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    path = tmp_path / "neonize-darwin-arm64.dylib"
    path.write_bytes(NEEDS_26)
    return path


@pytest.mark.parametrize("running", ["12.0", "15.7.2", "25"])
def test_a_library_for_a_newer_macos(library: Path, running: str) -> None:
    (check,) = check_minimum_system(library, running=running)
    assert check.verdict is Verdict.WARNING
    assert check.message.startswith("neonize-darwin-arm64.dylib is built for macOS 26.0 or newer")
    assert check.message.endswith(f"this is {running}")
    assert check.next_step is not None


@pytest.mark.parametrize("running", ["26.0", "26.1", "27.0.1", ""])
def test_a_macos_that_is_new_enough_and_other_systems(library: Path, running: str) -> None:
    assert list(check_minimum_system(library, running=running)) == []


def test_a_library_that_says_nothing_of_it(library: Path) -> None:
    library.write_bytes(image())
    assert list(check_minimum_system(library, running="12.0")) == []


@pytest.mark.parametrize(
    "content", [b"", b"no library at all, only forty bytes of text", NEEDS_26[:-30]], ids=["empty", "text", "cut off"]
)
def test_a_library_that_is_damaged(library: Path, content: bytes) -> None:
    library.write_bytes(content)
    (check,) = check_minimum_system(library, running="26.0")
    assert check.verdict is Verdict.PROBLEM


def test_the_doctor_asks(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "library_path", lambda: library)
    monkeypatch.setattr(platform, "mac_ver", lambda: ("14.5", ("", "", ""), "arm64"))
    assert "macos" in [check.name for check in check_neonize(datetime(2026, 11, 1, tzinfo=UTC))]
    monkeypatch.setattr(platform, "mac_ver", lambda: ("", ("", "", ""), ""))
    assert "macos" not in [check.name for check in check_neonize(datetime(2026, 11, 1, tzinfo=UTC))]
