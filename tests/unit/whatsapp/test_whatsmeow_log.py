"""Only whatsmeow's own lines count, whatever other people bring into its log."""

from __future__ import annotations

import pytest

from tests.unit.whatsapp.received import ANA, ANA_LID, TEAM
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.session import Decrypted
from whatsapp_mcp.whatsapp.whatsmeow_log import (
    Ban,
    ban_in,
    channel_of_deletion,
    is_repetition,
    is_unparsed,
    is_unread_history,
    may_be_of_keys,
    repetition_in,
    source_of_unparsed,
    unavailable_in,
    unencrypted_in,
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


UNREAD = "Failed to download history sync: failed to unmarshal: proto: required field VideoEndCard.username not set"


def test_a_part_of_a_history_that_go_does_not_read() -> None:
    assert is_unread_history("ERROR", "Client", UNREAD)
    assert not is_unread_history("WARN", "Client", UNREAD)
    assert not is_unread_history("ERROR", "Client/Recv", UNREAD)
    assert not is_unread_history("ERROR", "Client", f"Error decrypting message {UNREAD}")
    assert not is_unread_history("ERROR", "Client", "Failed to download history sync: failed to download: status 404")


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


UNENCRYPTED = f"Failed to encrypt 3EB0C0FFEE for {ANA_LID}: can't encrypt message for device: no signal session\nat all"


def test_a_message_of_ours_without_its_recipient() -> None:
    assert unencrypted_in("WARN", "Client", UNENCRYPTED) == ("3EB0C0FFEE", ANA_LID)
    assert unencrypted_in("WARN", "Client", UNENCRYPTED.replace(str(ANA_LID), str(ANA))) == ("3EB0C0FFEE", ANA)


@pytest.mark.parametrize(
    ("logger", "line"),
    [
        ("Client/Send", UNENCRYPTED),
        ("Client", UNENCRYPTED.replace("@lid", ":2@lid")),
        ("Client", UNENCRYPTED.replace(str(ANA_LID), "Ana@lid")),
        ("Client", f"Error decrypting message {UNENCRYPTED}"),
    ],
)
def test_no_message_of_ours_without_its_recipient(logger: str, line: str) -> None:
    assert unencrypted_in("WARN", logger, line) is None


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


def test_a_post_that_was_deleted() -> None:
    line = "Plaintext message from 120363000000000002@newsletter doesn't have byte content"
    assert channel_of_deletion("WARN", "Client", line) == Jid("120363000000000002", "newsletter")
    for other in (("INFO", "Client", line), ("WARN", "Client/Recv", line), ("WARN", "Client", f"{line}!")):
        assert channel_of_deletion(*other) is None
    assert channel_of_deletion("WARN", "Client", line.replace("newsletter", "s.whatsapp.net")) is None


def test_what_is_no_message() -> None:
    why = "proto:\N{NO-BREAK SPACE}cannot parse invalid wire-format data"
    line = f"Error unmarshaling decrypted message from {ANA_LID} in {TEAM}: {why}"
    assert is_unparsed("WARN", "Client", line)
    assert source_of_unparsed(line) == (TEAM, ANA_LID)
    assert source_of_unparsed(line.replace(f" in {TEAM}", "")) == (ANA_LID, ANA_LID)
    assert not is_unparsed("WARN", "Client", f"{line} <x>")
    assert not is_unparsed("WARN", "Client/Recv", line)


@pytest.mark.parametrize(
    "line",
    [
        "Error decrypting message 3EB0C0FFEE from 1@lid: failed to decrypt prekey message: failed to load session with"
        " 1_1:0: dial unix /run/.s.PGSQL.5432: connect: no such file or directory",
        "Error decrypting message 3EB0C0FFEE from 1@lid in 2@g.us: failed to decrypt group message: failed to load"
        " sender key: pq: terminating connection due to administrator command (57P01)",
        "Failed to get LID for 1@s.whatsapp.net: driver: bad connection",
        "Failed to store message secret key for outgoing message 3EB0C0FFEE: read tcp 127.0.0.1:1->127.0.0.1:2: EOF",
    ],
)
def test_a_line_that_may_tell_of_keys_out_of_reach(line: str) -> None:
    assert may_be_of_keys("Client", line)
    assert not may_be_of_keys("Client/Recv", line)


def test_most_lines_do_not_tell_of_the_keys() -> None:
    for line in (
        IGNORED,
        "Error decrypting message 3EB0C0FFEE from 1@lid: failed to decrypt normal message: no session found",
        "Failed to parse message: pq: x",
        "No LID found for 1@s.whatsapp.net",
    ):
        assert not may_be_of_keys("Client", line)
