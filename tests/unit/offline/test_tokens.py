"""What `whatsapp-mcp token` is told, and what it tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import InvalidArgument, SetupError
from whatsapp_mcp.offline.diagnosis.configuration import check_tokens
from whatsapp_mcp.offline.tokens import create_token, list_tokens, revoke_token, token_line
from whatsapp_mcp.policy.tokens import TokenBook
from whatsapp_mcp.settings import Settings

HOUR = 3_600_000


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


def test_a_token_has_what_was_said_and_is_listed_without_its_secret(settings: Settings) -> None:
    (settings.data_dir / "work").mkdir()
    secret = create_token(
        settings, "laptop", scope="send", accounts=("WORK",), chats=("groups",), toolsets="core", sends_per_day=5
    )
    (listed,) = list_tokens(settings)
    assert (listed.accounts, listed.chats, listed.toolsets, listed.sends_per_day) == (("work",), ("groups",), "core", 5)
    line = token_line(listed)
    assert line == "laptop: send; accounts work; chats groups; toolsets core; 5 sends a day; never used"
    assert secret not in line + listed.model_dump_json()
    revoke_token(settings, "laptop")
    assert list_tokens(settings) == ()


@pytest.mark.parametrize(("text", "hours"), [("12h", 12), ("30d", 720), ("2w", 336), ("9999-12-30", None)])
def test_when_a_token_ends(settings: Settings, text: str, hours: int | None) -> None:
    before = now_ms()
    create_token(settings, "laptop", scope="read", expires=text)
    ((token, _),) = TokenBook.of(settings).tokens()
    assert token.expires is not None
    if hours is not None:
        assert before + hours * HOUR - 1_000 <= token.expires <= now_ms() + hours * HOUR
    assert token.lasts(before)


@pytest.mark.parametrize("text", ["", "0d", "-1d", "1y", "tomorrow", "2020-01-01", "2020-01-01T10:00", "30 d"])
def test_times_that_are_none_or_over_are_refused(settings: Settings, text: str) -> None:
    with pytest.raises(InvalidArgument, match="--expires"):
        create_token(settings, "laptop", scope="read", expires=text)
    assert list_tokens(settings) == ()


def test_what_there_is_not_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidArgument, match="no account home"):
        create_token(settings, "laptop", scope="read", accounts=("home",))
    with pytest.raises(InvalidArgument, match="--account"):
        create_token(settings, "laptop", scope="read", accounts=("../x",))
    with pytest.raises(SetupError, match="is no chat"):
        create_token(settings, "laptop", scope="read", chats=("somebody",))
    with pytest.raises(SetupError, match="unknown toolset"):
        create_token(settings, "laptop", scope="read", toolsets="nope")
    assert list_tokens(settings) == ()


def test_the_doctor_sees_what_is_wrong_with_the_file(settings: Settings) -> None:
    assert check_tokens(settings) is None
    create_token(settings, "laptop", scope="read", expires="1h")
    found = check_tokens(settings)
    assert found is not None
    assert "1, of which 0 expired" in found.message
    settings.tokens_path.write_text("{")
    broken = check_tokens(settings)
    assert broken is not None
    assert "none of them opens anything" in broken.message
