"""Who called, and how it ended."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.whatsapp.received import ANA, ANA_LID, ME, ME_LID, SECOND, call_event
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change, MessageReceived
from whatsapp_mcp.models.content import CallOutcome
from whatsapp_mcp.whatsapp.calls import call_content
from whatsapp_mcp.whatsapp.client import EventCode
from whatsapp_mcp.whatsapp.events import changes_from_event

CALL = "0123456789ABCDEF0123456789ABCDEF"
EVE = Jid("100000000000666", "lid")
OWN = (ME, ME_LID)


def of(code: int, *args: Any, **kwargs: Any) -> list[Change]:
    return changes_from_event(code, call_event(*args, **kwargs), OWN)


def ringing(by: Jid, outcome: CallOutcome | None = None, *, video: bool = False) -> MessageReceived:
    content = call_content(CALL, outcome, video=video)
    return MessageReceived(id=CALL, chat=by, sender=by, timestamp=SECOND * 1000, content=content)


def test_the_caller_is_the_sender_of_the_stanza() -> None:
    """What the caller writes into the call says nothing about who it is, nor who is who."""
    assert of(EventCode.CALL_OFFER, CALL, EVE, creator=ANA_LID, alt=ANA) == [ringing(EVE)]
    assert of(EventCode.CALL_OFFER, CALL, EVE, creator=ME_LID, alt=ME) == [ringing(EVE)]


def test_a_video_call() -> None:
    assert of(EventCode.CALL_OFFER, CALL, ANA_LID, creator=ANA_LID, content=["audio", "video"]) == [
        ringing(ANA_LID, video=True)
    ]


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [
        ("timeout", CallOutcome.MISSED),
        ("", CallOutcome.MISSED),
        ("accepted_elsewhere", CallOutcome.ANSWERED),
        ("rejected_elsewhere", CallOutcome.DECLINED),
    ],
)
def test_how_it_ended(reason: str, outcome: CallOutcome) -> None:
    assert of(EventCode.CALL_TERMINATE, CALL, ANA_LID, creator=ANA_LID, reason=reason) == [ringing(ANA_LID, outcome)]


def test_our_own_device_names_the_caller() -> None:
    found = of(EventCode.CALL_TERMINATE, CALL, ME_LID, creator=ANA_LID, reason="accepted_elsewhere")
    assert found == [ringing(ANA_LID, CallOutcome.ANSWERED)]


def test_our_own_call_from_another_device_is_no_row() -> None:
    assert of(EventCode.CALL_TERMINATE, CALL, ME_LID, creator=ME_LID, reason="timeout") == []


def test_an_id_is_as_long_as_ids_are() -> None:
    (row,) = of(EventCode.CALL_OFFER, "X" * 5000, ANA_LID, creator=ANA_LID)
    assert isinstance(row, MessageReceived)
    assert len(row.id) <= 128
    assert row.content.extra["call_id"] == row.id


def test_what_has_no_caller_is_no_call() -> None:
    group = Jid("120363000000000001", "g.us")
    assert of(EventCode.CALL_OFFER, CALL, group, creator=ANA_LID) == []
    assert of(EventCode.CALL_OFFER, "", ANA_LID, creator=ANA_LID) == []
