"""Views as JSON: what a client reads of a message."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from whatsapp_mcp.clock import time_text
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.content import LOST, MessageKind
from whatsapp_mcp.models.render import message_json
from whatsapp_mcp.models.views import Message

ANA = Jid("4915100000001", "s.whatsapp.net")
THEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def shown(**fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": "M1",
        "chat": ANA,
        "sender": ANA,
        "from_me": False,
        "timestamp": THEN,
        "kind": MessageKind.UNDECRYPTABLE,
        "created_at": THEN,
        "updated_at": THEN,
        "arrival": 1,
        "wire_chat": ANA,
        "wire_sender": ANA,
    }
    return message_json(Message(**(values | fields)))


@pytest.mark.parametrize(("extra", "word"), [({}, "asked to send it again"), ({LOST: True}, "ask the sender")])
def test_a_message_that_cannot_be_read_says_why(extra: dict[str, object], word: str) -> None:
    row = shown(extra=extra)
    assert (row["kind"], row["content"]) == ("undecryptable", "")
    assert word in row["details"].pop("note")
    assert row["details"] == extra


def test_of_others_there_is_no_note() -> None:
    assert shown(kind=MessageKind.TEXT, text="hi")["details"] is None
    assert shown(revoked_at=THEN)["details"] is None


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 1, 31, 15, 0, 0, 999_999, UTC), "2026-01-31T15:00:00Z"),
        (datetime(2026, 1, 31, 15, 0, 0, 0, timezone(timedelta(hours=2))), "2026-01-31T13:00:00Z"),
    ],
)
def test_times_are_utc(moment: datetime, text: str) -> None:
    assert time_text(moment) == text


def test_times_of_a_kind_are_times_and_its_length_is_told() -> None:
    until, extra = 1_796_000_000, {"group_name": "Club", "payment": {"amount": "1 EUR", "paid_at": 1_796_000_060}}
    details = shown(kind=MessageKind.INVITE, extra=extra | {"expires": until})["details"]
    assert details["expires"] == datetime.fromtimestamp(until, UTC)
    assert details["payment"] == {"amount": "1 EUR", "paid_at": datetime.fromtimestamp(until + 60, UTC)}
    assert shown(kind=MessageKind.VOICE, seconds=7)["details"] == {"seconds": 7}
