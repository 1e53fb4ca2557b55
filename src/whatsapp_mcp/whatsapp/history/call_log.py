"""The phone's list of calls, which comes with a history, as rows of the chats in which they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.changes import Change, MessageReceived
from whatsapp_mcp.models.content import CallOutcome, Content, MessageKind
from whatsapp_mcp.whatsapp.calls import call_content
from whatsapp_mcp.whatsapp.content.lines import known
from whatsapp_mcp.wire.boundary import jid, message_id, seconds

if TYPE_CHECKING:
    from neonize.proto.waSyncAction.WAWebProtobufSyncAction_pb2 import CallLogRecord

_OUTCOMES: Final = {
    "MISSED": CallOutcome.MISSED,
    "REJECTED": CallOutcome.DECLINED,
    "ACCEPTEDELSEWHERE": CallOutcome.ANSWERED,
}
_MILLISECONDS_FROM: Final = 100_000_000_000
"""A timestamp above this is in milliseconds: in seconds it would be the year 5138."""


def call_of_log(call: CallLogRecord, own: tuple[Jid, ...]) -> Iterator[Change]:
    """The row of one call; none where it is not told when or with whom it was.

    Args:
        own: our own addresses, the number first.
    """
    at = seconds(call.startTime // 1000 if call.startTime > _MILLISECONDS_FROM else call.startTime)
    creator, others = jid(call.callCreatorJID), [jid(one.userJID) for one in call.participants]
    from_me = not call.isIncoming
    group, person = jid(call.groupJID), next((one for one in others if one is not None and one not in own), None)
    chat = group or (person if from_me else creator or person)
    sender = next(iter(own), None) if from_me else creator or person
    if at is None or chat is None or sender is None or not call.callID:
        return
    yield MessageReceived(
        id=message_id(call.callID),
        chat=chat,
        sender=sender,
        timestamp=at * 1000,
        content=_content(call, from_me=from_me),
        from_me=from_me,
        from_history=True,
    )


def _content(call: CallLogRecord, *, from_me: bool) -> Content:
    result = call.CallResult.Name(call.callResult)
    outcome = None if from_me else _OUTCOMES.get(result)
    if outcome is not None:
        return call_content(message_id(call.callID), outcome, video=call.isVideo)
    extra = known(call_id=message_id(call.callID), video=call.isVideo, seconds=call.duration)
    if call.HasField("callResult"):
        extra["outcome"] = result.lower()
    return Content(MessageKind.CALL, "Outgoing call" if from_me else "Incoming call", extra=extra)
