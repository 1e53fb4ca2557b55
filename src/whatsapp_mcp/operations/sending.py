"""Sending one message: what every send operation does in the same way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NotRequired, TypedDict

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.errors import NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.delivery import DeferredState, DeliveryStatus
from whatsapp_mcp.models.outgoing import MediaOut, Outgoing, SendOptions, SentMessage
from whatsapp_mcp.operations.addressee import recipient
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.pending import followed
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import number_text, require_there, require_written
from whatsapp_mcp.pipe.messages import ForwardMessage, SendMessage
from whatsapp_mcp.store.records import DeferredSend, NamedTarget

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args


WHAT_BECAME: Final = {
    DeferredState.HELD: "The message is held back until held_until; until then, revokeMessage stops it.",
    DeferredState.LEAVING: "The message is being sent.",
    DeferredState.SENT: "The message was sent.",
    DeferredState.CANCELLED: "The message was stopped before it left: nobody got it.",
    DeferredState.EXPIRED: "The message was not sent: there was no connection when it was due, and now it is too late.",
    DeferredState.FAILED: "The message could not be sent when it was due: nobody got it.",
    DeferredState.UNKNOWN: "The message was being sent when the session ended; whether it was is unknown.",
}
"""Of messages that are held back."""
_SCHEDULED: Final = {
    DeferredState.HELD: "The message is scheduled; until scheduled_for, cancelScheduled takes it back.",
    DeferredState.EXPIRED: "The message was not sent: it could not leave when it was due, and now it is too late.",
}
"""Where it is another sentence for those that are scheduled."""


PENDING: Final = "The file is still being converted or uploaded; the message is sent once, as soon as that is done."


def what_became(held: DeferredSend) -> str:
    """A sentence about it."""
    if held.status == "pending":
        return PENDING
    return (_SCHEDULED if held.scheduled else {}).get(held.state) or WHAT_BECAME[held.state]


ALREADY_SENT_BY_CALL: Final = "Already sent by the same call a moment ago; nothing was sent now."
SEND_AGAIN: Final = (
    "This is the result of the first call. To send the same once more on purpose, call with an idempotency_key that "
    "was not used yet, or with another text."
)


FOLLOW: Final = (
    "Do not send it again. getMessageStatus with this message_id tells how far it is; revokeMessage stops it."
)


class ToOneChat(TypedDict):
    """Arguments that every operation has which sends a message."""

    phone: str
    duration: NotRequired[int]


class Replying(ToOneChat):
    """And those of most of them."""

    reply_message_id: NotRequired[str]
    is_forwarded: NotRequired[bool]


async def addressed(
    services: Services, arguments: ToOneChat, *, forwarded: bool = False, reply_to: str | None = None
) -> tuple[Jid, SendOptions]:
    """The chat that ``phone`` names, and how the message is sent there."""
    chat = await recipient(services, arguments["phone"])
    options = SendOptions(forwarded=forwarded, expiration=await expiration_in(services, chat, arguments))
    reply_to = (reply_to or "").strip()
    if not reply_to:
        return chat, options
    quoted = await services.store.look(lambda store: store.message(reply_to, chat, field="reply_message_id"))
    if quoted is None:
        raise NotFound(
            "reply_message_id: there is no message with this id in this chat",
            next_step="Take the id from getChatMessages of this chat; or send without it.",
            details={"field": "reply_message_id"},
        )
    require_written(quoted, "reply_message_id")
    require_there(quoted, "reply_message_id")
    return chat, options.model_copy(update={"reply_to_id": quoted.id, "reply_to_author": quoted.sender})


async def expiration_in(services: Services, chat: Jid, arguments: ToOneChat | args.ForwardMessageArguments) -> int:
    """Seconds after which a message disappears; without ``duration``, as all messages of the chat do."""
    duration = arguments.get("duration")
    return await services.store.look(lambda store: store.expiration(chat)) if duration is None else duration


async def replying(services: Services, arguments: Replying) -> tuple[Jid, SendOptions]:
    """The same for a message that may be an answer."""
    forwarded, reply_to = arguments.get("is_forwarded", False), arguments.get("reply_message_id")
    return await addressed(services, arguments, forwarded=forwarded, reply_to=reply_to)


async def send(
    services: Services, chat: Jid, message: Outgoing, options: SendOptions, *, pending_id: str = ""
) -> Outcome:
    """Send the message; ``pending_id`` is its id as long as it is pending."""
    hold = services.hold_seconds
    command = SendMessage(
        chat=chat,
        message=message,
        options=options,
        key=services.send_key,
        hold=hold,
        pending=isinstance(message, MediaOut) and not hold,
        pending_id=pending_id,
    )
    return await sent_outcome(services, await sent_by(services, command), "The message was sent.")


async def sent_by(services: Services, command: SendMessage | ForwardMessage) -> SentMessage:
    """What became of it; of what is uploaded, as far as its client waits for that."""
    sent = await services.session.call(command)
    return await followed(services, sent) if sent.pending else sent


SENT: Final = DeliveryStatus.SENT.value
SUCCESS: Final = "success"
"""Status of what is done and is no message."""


async def sent_outcome(services: Services, sent: SentMessage, said: str, *, status: str = SENT) -> Outcome:
    """The seed's SendResponse; and to whom it went, so that a wrong recipient is noticed. ``said``: what was done, in a
    sentence."""
    if sent.pending:
        return await pending_outcome(services, sent)
    if sent.held_until is not None:
        return await _held_outcome(services, sent, sent.held_until)
    key, note = services.send_key, None
    if sent.repeated:
        of_call = key is not None and key.is_of_call
        said = ALREADY_SENT_BY_CALL if of_call else "Already sent under this idempotency_key; nothing was sent now."
        note = SEND_AGAIN if of_call else None
    target = await services.store.look(lambda store: store.target(sent.chat))
    return Outcome(
        said,
        {
            "message_id": sent.message_id,
            "status": status,
            "chat_jid": str(sent.chat),
            "to": _recipient(sent.chat, target),
            "timestamp": from_ms(sent.timestamp),
            "repeated": sent.repeated or None,
        },
        untrusted=target is not None and target.name_source != "saved",
        note=note,
    )


async def _held_outcome(services: Services, sent: SentMessage, until: int) -> Outcome:
    """Of a message that was not sent yet; of a repetition also what became of it meanwhile."""
    known = await services.store.look(lambda store: store.deferred(sent.message_id))
    state = known.state if known is not None and sent.repeated else DeferredState.HELD
    scheduled = known is not None and known.scheduled
    target = await services.store.look(lambda store: store.target(sent.chat))
    return Outcome(
        what_became(known) if known is not None else WHAT_BECAME[state],
        {
            "message_id": sent.message_id,
            "status": state.value,
            "chat_jid": str(sent.chat),
            "to": _recipient(sent.chat, target),
            "scheduled_for" if scheduled else "held_until": from_ms(until),
            "repeated": sent.repeated or None,
        },
        untrusted=target is not None and target.name_source != "saved",
        note=SEND_AGAIN if sent.repeated and services.send_key and services.send_key.is_of_call else None,
    )


async def pending_outcome(services: Services, sent: SentMessage) -> Outcome:
    target = await services.store.look(lambda store: store.target(sent.chat))
    return Outcome(
        PENDING,
        {
            "message_id": sent.message_id,
            "status": "pending",
            "chat_jid": str(sent.chat),
            "to": _recipient(sent.chat, target),
            "repeated": sent.repeated or None,
        },
        untrusted=target is not None and target.name_source != "saved",
        note=FOLLOW,
    )


def _recipient(chat: Jid, target: NamedTarget | None) -> dict[str, str | None]:
    """Name, where it comes from, and number, as far as they are known."""
    number = number_text(target.jid if target is not None else chat)
    if target is None:
        return {"number": number}
    name = target.name if target.name_source or not target.jid.is_person else None
    return {"name": name, "name_source": target.name_source, "number": number}
