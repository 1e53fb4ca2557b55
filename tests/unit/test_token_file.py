"""The file of the bearer token."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.unit.ownership import owned_by_another
from tests.unit.systems import needs_modes
from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.ownership import others_may_read
from whatsapp_mcp.private_files import write_private
from whatsapp_mcp.token_file import load_or_create_token


def test_a_token_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "data" / "http-token"
    token = load_or_create_token(path)
    assert len(token) >= 43
    assert others_may_read(path) is None
    assert others_may_read(path.parent) is None
    assert load_or_create_token(path) == token
    assert list(path.parent.iterdir()) == [path]


def test_two_processes_at_once_get_the_same_token(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        tokens = set(pool.map(load_or_create_token, [tmp_path / "http-token"] * 50))
    assert len(tokens) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["http-token"]


def test_a_draft_that_is_gone_hides_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes make the token at once: one has just removed its draft, the other one has not."""
    path = tmp_path / "http-token"
    token = load_or_create_token(path)
    gone, there = (path.with_name(f"{path.name}.{digit * 16}") for digit in "0f")
    there.hardlink_to(path)
    monkeypatch.setattr(Path, "glob", lambda *_: iter((gone, there)))
    assert load_or_create_token(path) == token


@needs_modes
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_token_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "http-token"
    load_or_create_token(path)
    path.chmod(mode)
    with pytest.raises(SetupError, match=f"{mode:04o}"):
        load_or_create_token(path)


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 20 + b" " + b"x" * 20, b"\xff" * 10, b"x" * 40 + b"\x00"])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "http-token"
    write_private(path, content)
    with pytest.raises(SetupError, match="holds no token"):
        load_or_create_token(path)


def test_a_folder_where_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(SetupError, match="http-token cannot be used"):
        load_or_create_token(blocked / "http-token")


def test_a_token_with_a_second_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "http-token"
    load_or_create_token(path)
    (tmp_path / "mine").hardlink_to(path)
    with pytest.raises(SetupError, match="has 2 names") as caught:
        load_or_create_token(path)
    assert "new token" in caught.value.next_step


def test_a_token_whose_maker_was_killed_is_used(tmp_path: Path) -> None:
    path = tmp_path / "http-token"
    token = load_or_create_token(path)
    (tmp_path / "http-token.0123456789abcdef").hardlink_to(path)
    assert load_or_create_token(path) == token


def test_a_token_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "http-token"
    load_or_create_token(path)
    owned_by_another(path, monkeypatch)
    with pytest.raises(SetupError, match="another user"):
        load_or_create_token(path)
