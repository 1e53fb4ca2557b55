"""Incoming calls, kept as messages: that somebody rang, and how it ended (whatsmeow: call.go).

Who calls is the sender of the stanza, which WhatsApp's server vouches for. What stands inside of it (``call-creator``,
``caller_pn``) the other side wrote: it is believed of our own devices only, and tells nothing about who is who.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change, MessageReceived
from whatsapp_mcp.models.content import CallOutcome, Content, MessageKind
from whatsapp_mcp.whatsapp.addresses import person
from whatsapp_mcp.wire import boundary
from whatsapp_mcp.wire.boundary import parse
from whatsapp_mcp.wire.protos import neonize_pb2

if TYPE_CHECKING:
    from neonize.proto.Neonize_pb2 import BasicCallMeta

_TEXTS: Final = {
    None: "Incoming call",
    CallOutcome.MISSED: "Missed call",
    CallOutcome.ANSWERED: "Call answered on another device",
    CallOutcome.DECLINED: "Call declined",
}
_REASONS: Final = {"accepted_elsewhere": CallOutcome.ANSWERED, "rejected_elsewhere": CallOutcome.DECLINED}
"""Why a call ended that rang here; for any other reason nobody took it."""


def call_content(call_id: str, outcome: CallOutcome | None = None, *, video: bool = False) -> Content:
    """What a call's row says; ``outcome`` None: it rings, or how it ended was not told."""
    extra: dict[str, object] = {"call_id": call_id}
    if video:
        extra["video"] = True
    if outcome is not None:
        extra["outcome"] = outcome.value
    return Content(MessageKind.CALL, text=_TEXTS[outcome], extra=extra)


def changes_of_offer(payload: bytes) -> Iterator[Change]:
    """Of a serialized ``Neonize_pb2.CallOffer``; the row's id is what `rejectCall` takes."""
    offer = parse(neonize_pb2.CallOffer, payload)
    video = any(child.Tag == "video" for child in offer.data.Nodes)
    yield from _rows(offer.basicCallMeta, person(getattr(offer.basicCallMeta, "from")), None, video=video)


def changes_of_end(payload: bytes, own: Sequence[Jid]) -> Iterator[Change]:
    """Of a serialized ``Neonize_pb2.CallTerminate``.

    Args:
        own: our own addresses, number and LID. A device of ours that took the call names the caller.
    """
    end = parse(neonize_pb2.CallTerminate, payload)
    meta = end.basicCallMeta
    sender = person(getattr(meta, "from"))
    caller = person(meta.callCreator) if sender in own else sender
    if caller not in own:  # else we called, on another device
        yield from _rows(meta, caller, _REASONS.get(end.reason, CallOutcome.MISSED))


def _rows(
    meta: BasicCallMeta, caller: Jid | None, outcome: CallOutcome | None, *, video: bool = False
) -> Iterator[Change]:
    if caller is None or not caller.is_person or not meta.callID:
        return
    call_id = boundary.message_id(meta.callID)
    yield MessageReceived(
        id=call_id,
        chat=caller,
        sender=caller,
        timestamp=(boundary.seconds(meta.timestamp) or 0) * 1000 or now_ms(),
        content=call_content(call_id, outcome, video=video),
    )
