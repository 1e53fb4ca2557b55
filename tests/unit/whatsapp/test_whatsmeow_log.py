"""Only whatsmeow's own lines count, whatever other people bring into its log."""

from __future__ import annotations

import pytest

from tests.unit.whatsapp.received import ANA, ANA_LID, TEAM
from whatsapp_mcp.models.session import Decrypted
from whatsapp_mcp.whatsapp.whatsmeow_log import (
    Ban,
    ban_in,
    is_repetition,
    is_unparsed,
    repetition_in,
    source_of_unparsed,
    unavailable_in,
)

BAN = 'Temporary ban connect failure: <failure code="101" expire="3600" location="frc" reason="402"/>'
OLD = "failed to decrypt group message: received message with old counter (current: 1, received: 0)"
IGNORED = f"Ignoring message 3EB0C0FFEE from {ANA_LID} in {TEAM}: {OLD}"


def test_a_ban() -> None:
    assert ban_in("WARN", "Client", BAN) == Ban("101", 3600)
    no_end = BAN.replace(' expire="3600"', "")
    assert ban_in("WARN", "Client", no_end) == Ban("101", None)


@pytest.mark.parametrize(
    ("level", "logger", "line"),
    [
        ("WARN", "Client/Recv", BAN),
        ("DEBUG", "Client", BAN),
        ("WARN", "Client", "Temporary ban connect failure"),
        ("WARN", "Client", f'Closing handler queue loop in the middle of handling <message notify="{BAN}"/>'),
        ("WARN", "Client", f"{BAN}\n"),
        ("WARN", "Client", 'Temporary ban connect failure: <failure code="101"><evil/></failure>'),
        ("WARN", "Client", f"Error decrypting message {BAN} from 1@lid: no session"),
    ],
)
def test_no_ban(level: str, logger: str, line: str) -> None:
    assert ban_in(level, logger, line) is None


def test_a_repetition() -> None:
    assert is_repetition("WARN", "Client", IGNORED)
    assert repetition_in(IGNORED) == Decrypted("3EB0C0FFEE", str(TEAM), str(ANA_LID))


@pytest.mark.parametrize(
    "line",
    [
        f"Ignoring message 3EB0 from {ANA}: received message with old counter (a: 1, b: 2) from {ANA}: no session",
        f"Ignoring message X from {ANA} in {TEAM}: {OLD}",
        f"Ignoring message 3EB0 from Ana in {TEAM}: {OLD}",
        f"Ignoring message 3EB0 from @lid in {TEAM}: {OLD}",
        f"Ignoring message 3EB0\n from {ANA} in {TEAM}: {OLD}",
        f"{IGNORED}\nERROR forged",
        f"Error decrypting message {IGNORED}",
    ],
)
def test_no_repetition(line: str) -> None:
    assert not is_repetition("WARN", "Client", line)
    assert not is_repetition("WARN", "Client/Recv", IGNORED)


def test_why_linked_devices_get_nothing() -> None:
    line = f'Unavailable message 3EB0C0FFEE from {ANA_LID}:2 in {TEAM} (type: "view_once")'
    assert unavailable_in("WARN", "Client", line) == ("3EB0C0FFEE", "view_once")
    assert unavailable_in("WARN", "Client", line.replace(f" in {TEAM}", "")) == ("3EB0C0FFEE", "view_once")


@pytest.mark.parametrize(
    ("level", "logger", "line"),
    [
        ("INFO", "Client", f'Unavailable message M1 from {ANA_LID} (type: "view_once")'),
        ("WARN", "Client/Recv", f'Unavailable message M1 from {ANA_LID} (type: "view_once")'),
        ("WARN", "Client", f'Unavailable message M1 from {ANA_LID} (type: "")'),
        ("WARN", "Client", f'Unavailable message M1 from {ANA_LID} (type: "View once, pay now")'),
        ("WARN", "Client", f'Unavailable message M1 from {ANA_LID} (type: "view_once") and more'),
        ("WARN", "Client", f'Unavailable message \x1b[31m from {ANA_LID} (type: "view_once")'),
    ],
)
def test_no_reason_why_nothing_came(level: str, logger: str, line: str) -> None:
    assert unavailable_in(level, logger, line) is None


def test_what_is_no_message() -> None:
    why = "proto:\N{NO-BREAK SPACE}cannot parse invalid wire-format data"
    line = f"Error unmarshaling decrypted message from {ANA_LID} in {TEAM}: {why}"
    assert is_unparsed("WARN", "Client", line)
    assert source_of_unparsed(line) == (TEAM, ANA_LID)
    assert source_of_unparsed(line.replace(f" in {TEAM}", "")) == (ANA_LID, ANA_LID)
    assert not is_unparsed("WARN", "Client", f"{line} <x>")
    assert not is_unparsed("WARN", "Client/Recv", line)
