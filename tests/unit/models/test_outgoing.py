"""What can be sent, as JSON on the pipe."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.outgoing import (
    AudioOut,
    ContactOut,
    DocumentOut,
    ImageOut,
    LinkOut,
    LocationOut,
    Outgoing,
    PollOut,
    SendOptions,
    StickerOut,
    TextOut,
    VideoOut,
)
from whatsapp_mcp.pipe.messages import SendMessage

ADAPTER: TypeAdapter[Outgoing] = TypeAdapter(Outgoing)

EVERY_BYTE = bytes(range(256))
KINDS: list[Outgoing] = [
    TextOut(text="hi\u2028\0🙂"),
    LinkOut(link="https://a.example", caption="c", title="t", description="d", thumbnail=EVERY_BYTE),
    LocationOut(latitude=-89.999999, longitude=1e-7),
    ContactOut(name="Bo", number="49151"),
    PollOut(question="?", options=("a", "b"), selectable_count=0),
    ImageOut(path=Path("/a b/ü"), mimetype="image/jpeg", width=2, height=1, thumbnail=EVERY_BYTE, view_once=True),
    VideoOut(path=Path("x"), mimetype="video/mp4", seconds=1, width=2, height=1, thumbnail=EVERY_BYTE, gif=True),
    AudioOut(path=Path("x"), mimetype="audio/ogg; codecs=opus", seconds=1, voice=True, waveform=EVERY_BYTE),
    DocumentOut(path=Path("x"), mimetype="application/pdf", file_name="Отчёт.pdf", caption="c"),
    StickerOut(path=Path("x"), mimetype="image/webp", width=512, height=512, animated=True),
]


@pytest.mark.parametrize("outgoing", KINDS, ids=lambda out: out.kind)
def test_round_trip(outgoing: Outgoing) -> None:
    assert ADAPTER.validate_json(ADAPTER.dump_json(outgoing)) == outgoing
    command = SendMessage(chat=Jid("1", "lid"), message=outgoing, options=SendOptions(), key=None)
    assert SendMessage.model_validate(command.model_dump(mode="json")) == command


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
