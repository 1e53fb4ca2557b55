"""The word for how an account stands, and what `status` and `doctor` exit with."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from tests.unit.offline.served import CONNECTED, PID, served
from tests.unit.session_db.session_database import link_device

from whatsapp_mcp import __version__
from whatsapp_mcp.cli import cli
from whatsapp_mcp.clock import now
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.offline.diagnosis import take_status
from whatsapp_mcp.pipe.account import GetPrivacy
from whatsapp_mcp.pipe.ledger import Ledger
from whatsapp_mcp.pipe.lines import Ended, EndReason, StateChanged
from whatsapp_mcp.settings import Settings


def status(settings: Settings) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["status", "--json", "--data-dir", str(settings.data_dir)])
    return result.exit_code, json.loads(result.stdout)["standing"]["state"]


def doctor(settings: Settings, *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, ["doctor", *more, "--data-dir", str(settings.data_dir)])
    return result.exit_code, result.stdout


def last_ended(settings: Settings, reason: EndReason, until: datetime | None = None) -> None:
    ledger = Ledger(pid=PID, version=__version__, started_at=CONNECTED)
    ledger.end(Ended(reason=reason, detail="so it was", until=until), now())
    ledger.write(settings.ledger_path)


def test_nothing_is_linked(settings: Settings) -> None:
    assert status(settings) == (1, "unpaired")
    assert doctor(settings)[0] == 0, "nothing is wrong with an installation that is new"


def test_nothing_is_known_against_it(settings: Settings) -> None:
    link_device(settings.session_db)
    assert status(settings) == (0, "unused")
    reasons: tuple[EndReason, ...] = ("unused", "restart", "crashed")
    for reason in reasons:
        last_ended(settings, reason)
        assert status(settings) == (0, "unused")


@pytest.mark.parametrize(
    ("reason", "state"),
    [
        ("replaced", "replaced"),
        ("outdated", "outdated"),
        ("banned", "banned"),
        ("store_unusable", "stopped"),
        ("setup_error", "stopped"),
        ("store_error", "reconnecting"),
        ("connect_failed", "reconnecting"),
    ],
)
def test_what_the_last_session_ended_for(settings: Settings, reason: EndReason, state: str) -> None:
    link_device(settings.session_db)
    last_ended(settings, reason)
    assert status(settings) == (1, state)
    standing = take_status(settings).standing
    assert "so it was" in standing.message
    assert standing.next_step
    code, said = doctor(settings)
    assert code == 1
    assert "so it was" in " ".join(said.split())


def test_logged_out_by_the_phone(settings: Settings) -> None:
    last_ended(settings, "logged_out")
    assert status(settings) == (1, "logged_out")
    assert doctor(settings)[0] == 1


@pytest.mark.parametrize(("hours", "expected"), [(1, (1, "banned")), (-1, (0, "unused"))])
def test_a_ban_is_over_when_it_is_over(settings: Settings, hours: int, expected: tuple[int, str]) -> None:
    link_device(settings.session_db)
    last_ended(settings, "banned", datetime.now(UTC) + timedelta(hours=hours))
    assert status(settings) == expected
    assert doctor(settings)[0] == expected[0]


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (SessionState.CONNECTED, 0),
        (SessionState.CONNECTING, 0),
        (SessionState.PAIRING, 0),
        (SessionState.RECONNECTING, 1),
    ],
)
def test_a_session_that_runs(settings: Settings, state: SessionState, code: int) -> None:
    link_device(settings.session_db)
    with served(settings, StateChanged(state=state)):
        assert status(settings) == (code, state.value)
        assert doctor(settings)[0] == code


def test_asking_whatsapp_through_the_session_that_runs(settings: Settings) -> None:
    link_device(settings.session_db)
    with served(settings, StateChanged(state=SessionState.CONNECTED), answer=lambda _: {"last": "all"}) as process:
        code, said = doctor(settings, "--connect")
        assert [type(command) for command in process.asked if isinstance(command, GetPrivacy)]
    assert (code, "WhatsApp answers, after" in said) == (0, True)


def test_asking_whatsapp_without_an_account(settings: Settings) -> None:
    code, said = doctor(settings, "--connect")
    assert code == 1
    assert "no account is linked" in said


def test_a_refused_connection_is_told_and_not_tried_again(settings: Settings) -> None:
    link_device(settings.session_db)
    last_ended(settings, "banned", datetime.now(UTC) + timedelta(hours=1))
    code, said = doctor(settings, "--connect")
    assert code == 1
    assert "the account is banned" in " ".join(said.split())
