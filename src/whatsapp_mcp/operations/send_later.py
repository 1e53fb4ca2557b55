"""Operations on messages that leave at a time of the caller's choice."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.outgoing import TextOut
from whatsapp_mcp.operations.held_messages import stop
from whatsapp_mcp.operations.moments import moment_to_come
from whatsapp_mcp.operations.outcome import Outcome, Rows
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.scheduled import NOT_SENT, scheduled_json
from whatsapp_mcp.operations.send import mentioned_in
from whatsapp_mcp.operations.sending import replying, sent_outcome
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.messages import Schedule, SendMessage
from whatsapp_mcp.policy.departures import grant_text
from whatsapp_mcp.store.records import DeferredSend

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

LISTED: Final = timedelta(days=7)
"""For so long it is listed what became of one."""
_WAITS: Final = (DeferredState.HELD, DeferredState.LEAVING)


@operation("scheduleMessage")
async def schedule_message(services: Services, arguments: args.ScheduleMessageArguments) -> Outcome:
    text = arguments["message"]
    if not text.strip():
        raise InvalidArgument("message is blank", field="message")
    due = moment_to_come(arguments["at"], "at", now_ms(), services.settings.zone)
    text, mentions = await mentioned_in(services, text, arguments.get("mentions") or ())
    chat, options = await replying(services, arguments)
    settings = services.settings
    schedule = Schedule(
        due_at=due.at,
        late=settings.schedule_late_minutes * 60_000,
        ask=settings.schedule_late == "ask",
        caller=grant_text(services.grant),
    )
    command = SendMessage(
        chat=chat,
        message=TextOut(text=text),
        options=options.model_copy(update={"mentions": mentions}),
        key=services.send_key,
        schedule=schedule,
    )
    return await sent_outcome(services, await services.session.call(command), "The message is scheduled.")


class _Row(NamedTuple):
    message: DeferredSend
    name: str | None


@operation("listScheduled")
async def list_scheduled(services: Services, arguments: args.ListScheduledArguments) -> Outcome:
    since = now_ms() - LISTED // timedelta(milliseconds=1)
    found = await services.store.read(lambda store: store.scheduled(since))
    names = await services.store.read(lambda store: {one.chat: store.display_name(one.chat) for one in found})
    waiting = sum(one.state in _WAITS for one in found)
    bad = sum(one.state in NOT_SENT for one in found)
    offset = arguments["offset"]
    rows = [_Row(one, names[one.chat]) for one in found[offset:]]
    said = f"{waiting} messages wait{f'; {bad} of the last 7 days did not leave, or may not have' if bad else ''}."
    return Outcome(
        said,
        {"data": Rows(rows, lambda row: scheduled_json(row.message, row.name))},
        rows="data",
        offset=offset,
        untrusted=True,
    )


@operation("cancelScheduled")
async def cancel_scheduled(services: Services, arguments: args.CancelScheduledArguments) -> Outcome:
    found = await services.store.look(lambda store: store.deferred(arguments["message_id"].strip()))
    if found is None or not found.scheduled or not await _may_see(services, found.chat):
        raise NotFound(
            "message_id: no message is scheduled under this id",
            next_step="Take message_id from listScheduled.",
            details={"field": "message_id"},
        )
    outcome = await stop(services, found)
    if outcome is None:
        raise InvalidArgument(
            "message_id: this message has left already",
            field="message_id",
            next_step="revokeMessage deletes it for everyone.",
        )
    return outcome


async def _may_see(services: Services, chat: Jid) -> bool:
    return bool(await services.store.may_read(chat))
