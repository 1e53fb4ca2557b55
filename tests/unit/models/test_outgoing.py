"""What can be sent, as JSON on the pipe."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.outgoing import ContactOut, LinkOut, LocationOut, Outgoing, PollOut, SendOptions, TextOut

ADAPTER: TypeAdapter[Outgoing] = TypeAdapter(Outgoing)

KINDS: list[Outgoing] = [
    TextOut(text="hi\u2028\0🙂"),
    LinkOut(link="https://a.example", caption="c", title="t", description="d"),
    LocationOut(latitude=-89.999999, longitude=1e-7),
    ContactOut(name="Bo", number="49151"),
    PollOut(question="?", options=("a", "b"), selectable_count=0),
]


@pytest.mark.parametrize("outgoing", KINDS, ids=lambda out: out.kind)
def test_round_trip(outgoing: Outgoing) -> None:
    assert ADAPTER.validate_json(ADAPTER.dump_json(outgoing)) == outgoing


def test_kinds_are_told_apart() -> None:
    assert len({outgoing.kind for outgoing in KINDS}) == len(KINDS)
    with pytest.raises(ValidationError):
        ADAPTER.validate_json('{"kind": "fax", "text": "hi"}')
    with pytest.raises(ValidationError):
        ADAPTER.validate_json('{"text": "hi"}')


def test_options() -> None:
    options = SendOptions(reply_to_id="M1", forwarded=True, expiration=86400, mentions=(Jid("1", "lid"),))
    assert SendOptions.model_validate_json(options.model_dump_json()) == options
    assert SendOptions() == SendOptions.model_validate_json("{}")
