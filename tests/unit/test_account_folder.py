"""The folder of an account: paths that neonize cannot use, and places where there can be none."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatsapp_mcp.account_folder import check_path, make_folder
from whatsapp_mcp.errors import SetupError


@pytest.mark.parametrize("name", ["what?", "50%", "50%25", "#1"])
def test_a_path_that_neonize_cannot_use(name: str) -> None:
    with pytest.raises(SetupError, match="cannot handle") as caught:
        check_path(Path("/data", name, "session.db"))
    assert "--data-dir" in caught.value.next_step


def test_a_path_that_it_can() -> None:
    check_path(Path("/data/ümläut and space/a&b=c+d/session.db"))


def test_a_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "account"):
        with pytest.raises(SetupError, match="cannot be created") as caught:
            make_folder(folder)
        assert "--data-dir" in caught.value.next_step
