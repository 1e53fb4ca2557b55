"""What is remembered from one session process to the next, and how long to wait before it starts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from whatsapp_mcp.pipe import ledger as ledger_module
from whatsapp_mcp.pipe.ledger import PATIENCE, STABLE_AFTER, Ledger
from whatsapp_mcp.pipe.lines import Ended
from whatsapp_mcp.platform.ownership import others_may_read


class Account:
    """Its ledger, and a clock."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.ledger = Ledger()

    def fails(self) -> float:
        """The pause after a process that did not connect."""
        self.ledger.start(1, "1", self.now)
        self.ledger.end(Ended(reason="connect_failed"), self.now)
        return self.ledger.pause(self.now)

    def lives(self, duration: timedelta) -> float:
        """The pause after a process that was connected for a while."""
        self.ledger.start(1, "1", self.now)
        self.ledger.connect(self.now)
        self.now += duration
        self.ledger.end(Ended(reason="crashed"), self.now)
        return self.ledger.pause(self.now)


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "BACK_OFF", (0.1, 0.5, 2.0))


def test_it_grows_up_to_the_last() -> None:
    account = Account()
    assert [account.fails() for _ in range(5)] == [0.1, 0.5, 2.0, 2.0, 2.0]
    assert account.ledger.restarts == 5


def test_a_request_begins_anew() -> None:
    account = Account()
    account.fails()
    account.ledger.forgive()
    assert account.fails() == 0.1
    account.fails()
    account.ledger.start(1, "1", account.now)
    account.ledger.end(Ended(reason="restart"), account.now)
    assert account.ledger.pause(account.now) == 0
    assert account.fails() == 0.1
    assert account.ledger.restarts == 4, "what was asked for is none"


def test_so_does_a_session_that_was_stable() -> None:
    account = Account()
    account.fails()
    assert account.lives(STABLE_AFTER * 2) == 0.1
    assert account.fails() == 0.1, "the first that did not connect"
    assert account.fails() == 0.5


def test_what_ends_a_connected_session_does_not_keep_the_account_away() -> None:
    account = Account()
    short = timedelta(seconds=3)
    assert [account.lives(short) for _ in range(PATIENCE + 1)] == [0.1] * (PATIENCE + 1)
    assert [account.lives(short) for _ in range(3)] == [0.5, 2.0, 2.0], "but not all day"
    assert account.lives(STABLE_AFTER * 2) == 0.1
    assert account.lives(short) == 0.1


def test_the_pause_passes() -> None:
    account = Account()
    assert [account.fails() for _ in range(3)][-1] == 2.0
    assert account.ledger.pause(account.now + timedelta(seconds=1.5)) == 0.5
    assert account.ledger.pause(account.now + timedelta(seconds=3)) == 0
    assert account.ledger.pause(account.now - timedelta(days=1)) == 2.0, "a clock that was set back is not waited for"


def test_it_is_kept(tmp_path: Path) -> None:
    account = Account()
    account.fails()
    account.ledger.erase = True
    path = tmp_path / "session.json"
    account.ledger.write(path)
    assert Ledger.read(path) == account.ledger
    assert others_may_read(path) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"failures": "many"}'])
def test_a_damaged_one_is_no_past(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "session.json").write_bytes(content)
    assert Ledger.read(tmp_path / "session.json") == Ledger() == Ledger.read(tmp_path / "missing.json")
