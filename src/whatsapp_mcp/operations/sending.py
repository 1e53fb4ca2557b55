"""Sending one message: what every send operation does in the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NotRequired, TypedDict

from whatsapp_mcp.clock import from_ms
from whatsapp_mcp.errors import NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.outgoing import Outgoing, SendOptions
from whatsapp_mcp.models.render import time_text
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import resolve
from whatsapp_mcp.pipe.messages import SendMessage, SentMessage

IDEMPOTENCY_KEY: Final = "idempotency_key"
"""Argument of every operation that sends a message; with it, `idempotency` runs the handler."""


class ToOneChat(TypedDict):
    """Arguments that every operation has which sends a message."""

    phone: str
    duration: NotRequired[int]


@dataclass(frozen=True, slots=True)
class Envelope:
    """Where a message goes, and with which options."""

    chat: Jid
    options: SendOptions


async def addressed(
    services: Services,
    arguments: ToOneChat,
    *,
    reply_to: str | None = None,
    forwarded: bool = False,
    mentions: tuple[Jid, ...] = (),
) -> Envelope:
    """The envelope for the chat that ``phone`` names."""
    chat = await resolve(services, arguments["phone"])
    duration = arguments.get("duration")
    if duration is None:
        known = services.store.look(lambda store: store.chat(chat))
        duration = known.ephemeral_expiration if known else 0
    reply_to = reply_to or None
    if reply_to and services.store.look(lambda store: store.message(reply_to, chat)) is None:
        raise NotFound(
            "reply_message_id: there is no message with this id in this chat",
            next_step="Take the id from getChatMessages of this chat, or send without it.",
            details={"field": "reply_message_id"},
        )
    options = SendOptions(
        reply_to_id=reply_to,
        forwarded=forwarded,
        expiration=duration,
        mentions=mentions,
    )
    return Envelope(chat, options)


async def send(services: Services, envelope: Envelope, message: Outgoing, *, timeout: float | None = None) -> Outcome:
    """Send the message; ``timeout`` in seconds where it takes longer than others."""
    command = SendMessage(chat=envelope.chat, message=message, options=envelope.options, key=services.send_key)
    return sent_outcome(await services.session.call(command, timeout=timeout), "The message was sent.")


def sent_outcome(sent: SentMessage, status: str) -> Outcome:
    """The seed's SendResponse."""
    if sent.repeated:
        status = "Already sent under this idempotency_key; nothing was sent now."
    return Outcome(
        status,
        {
            "message_id": sent.message_id,
            "status": status,
            "chat_jid": str(sent.chat),
            "timestamp": time_text(from_ms(sent.timestamp)),
            "repeated": sent.repeated or None,
        },
    )
