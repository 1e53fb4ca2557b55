"""Operations that send something new."""

from __future__ import annotations

import base64
import math
import re
from datetime import UTC, datetime
from typing import Final

from whatsapp_mcp.errors import InvalidArgument, NotFound
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.media.preview import preview
from whatsapp_mcp.models.outgoing import ContactOut, LinkOut, LocationOut, Outgoing, PollOut, SendOptions, TextOut
from whatsapp_mcp.operations.media_policy import media_policy
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Progress
from whatsapp_mcp.operations.recipients import parse_number, person, resolve
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.render import time_text
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.pipe.protocol import SendMessage, SentMessage, SetChatPresence, SetPresence

__all__ = ["IDEMPOTENCY_KEY", "send", "sent_outcome"]

IDEMPOTENCY_KEY: Final = "idempotency_key"
"""Argument of every operation that sends a message; handlers get a SendKey there, see `idempotency`."""

_MENTION: Final = re.compile(r"(?<![\w@.])@([1-9][0-9]{6,14})\b")


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
            "timestamp": time_text(datetime.fromtimestamp(sent.timestamp / 1000, UTC)),
            "repeated": sent.repeated or None,
        },
    )


async def send(
    services: Services,
    arguments: Arguments,
    message: Outgoing,
    *,
    mentions: tuple[Jid, ...] = (),
    timeout: float | None = None,
) -> Outcome:
    """Send ``message`` to the chat that ``phone`` names, with the options that every send operation has."""
    chat = await resolve(services, arguments["phone"])
    duration: int | None = arguments.get("duration")
    if duration is None:
        known = services.store.look(lambda store: store.chat(chat))
        duration = known.ephemeral_expiration if known else 0
    reply_to: str | None = arguments.get("reply_message_id") or None
    if reply_to and services.store.look(lambda store: store.message(reply_to, chat)) is None:
        raise NotFound(
            "reply_message_id: there is no message with this id in this chat",
            next_step="Take the id from getChatMessages of this chat, or send without it.",
            details={"field": "reply_message_id"},
        )
    options = SendOptions(
        reply_to_id=reply_to,
        forwarded=bool(arguments.get("is_forwarded", False)),
        expiration=duration,
        mentions=mentions,
    )
    command = SendMessage(chat=chat, message=message, options=options, key=arguments.get(IDEMPOTENCY_KEY))
    sent = await services.session.call(command, timeout=timeout)
    return sent_outcome(sent, "The message was sent.")


@operation("sendMessage")
async def send_message(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    text: str = arguments["message"]
    if not text.strip():
        raise InvalidArgument("message is blank", field="message")
    mentioned = [await person(services, entry, field="mentions") for entry in arguments.get("mentions") or ()]
    written = [Jid(digits, "s.whatsapp.net") for digits in _MENTION.findall(text)]
    return await send(services, arguments, TextOut(text=text), mentions=tuple(dict.fromkeys([*mentioned, *written])))


@operation("sendLink")
async def send_link(services: Services, arguments: Arguments, progress: Progress) -> Outcome:
    link: str = arguments["link"].strip()
    await progress(0.1, 1.0, "fetching the preview")
    found = await preview(link, field="link", policy=media_policy(services.settings))
    picture = found.picture if found is not None else None
    out = LinkOut(
        link=link,
        caption=arguments.get("caption") or "",
        title=found.title if found is not None else "",
        description=found.description if found is not None else "",
        thumbnail_base64=base64.b64encode(picture.thumbnail).decode() if picture is not None else "",
    )
    return await send(services, arguments, out)


@operation("sendLocation")
async def send_location(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    location = LocationOut(
        latitude=_degrees(arguments["latitude"], "latitude", 90),
        longitude=_degrees(arguments["longitude"], "longitude", 180),
    )
    return await send(services, arguments, location)


def _degrees(text: str, field: str, limit: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= limit:
        raise InvalidArgument(f"{field}: decimal degrees between -{limit} and {limit} are needed", field=field)
    return value


@operation("sendContact")
async def send_contact(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    name = arguments["contact_name"].strip()
    if not name:
        raise InvalidArgument("contact_name is blank", field="contact_name")
    number = parse_number(arguments["contact_phone"], "contact_phone")
    return await send(services, arguments, ContactOut(name=name, number=number))


@operation("sendPoll")
async def send_poll(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    options = tuple(option.strip() for option in arguments["options"])
    if not all(options):
        raise InvalidArgument("options: an option is blank", field="options")
    if len(set(options)) != len(options):
        raise InvalidArgument("options: two options are the same", field="options")
    if arguments["max_answer"] > len(options):
        raise InvalidArgument(f"max_answer: at most {len(options)}, the number of options", field="max_answer")
    poll = PollOut(question=arguments["question"], options=options, selectable_count=arguments["max_answer"])
    return await send(services, arguments, poll)


@operation("sendPresence")
async def send_presence(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    available = arguments["type"] == "available"
    await services.session.call(SetPresence(available=available))
    status = f"You are shown as {'online' if available else 'offline'}."
    return Outcome(status, {"message_id": "presence", "status": status})


@operation("sendChatPresence")
async def send_chat_presence(services: Services, arguments: Arguments, _progress: Progress) -> Outcome:
    chat = await resolve(services, arguments["phone"])
    start = arguments["action"] == "start"
    await services.session.call(SetChatPresence(chat=chat, composing=start))
    status = "The chat shows that you are typing." if start else "The chat no longer shows that you are typing."
    return Outcome(status, {"message_id": f"chat-presence-{arguments['action']}", "status": status})
