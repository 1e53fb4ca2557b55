"""Operations that send something new, without a file or a page, and show presence."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import USER, Jid
from whatsapp_mcp.models.outgoing import ContactOut, LocationOut, PollOut, TextOut
from whatsapp_mcp.operations.addressee import in_digits, recipient
from whatsapp_mcp.operations.outcome import Outcome
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.sending import SUCCESS, addressed, replying, send
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import number
from whatsapp_mcp.pipe.account import SetPresence
from whatsapp_mcp.pipe.messages import SetChatPresence

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args

_MENTION: Final = re.compile(r"(?<![\w@.])@([1-9][0-9]{6,14})\b")


@operation("sendMessage")
async def send_message(services: Services, arguments: args.SendMessageArguments) -> Outcome:
    text = arguments["message"]
    if not text.strip():
        raise InvalidArgument("message is blank", field="message")
    text, mentions = await mentioned_in(services, text, arguments.get("mentions") or ())
    chat, options = await replying(services, arguments)
    return await send(services, chat, TextOut(text=text), options.model_copy(update={"mentions": mentions}))


async def mentioned_in(services: Services, text: str, named: Iterable[str]) -> tuple[str, tuple[Jid, ...]]:
    """The text, and whom it notifies: those of the parameter ``mentions``, and the numbers after an @ in it."""
    text, people = await in_digits(services, text, named)
    written = [Jid(digits, USER) for digits in _MENTION.findall(text)]
    lids = {jid.user for jid in people if jid.is_lid}
    return text, tuple(dict.fromkeys([*people, *(jid for jid in written if jid.user not in lids)]))


@operation("sendLocation")
async def send_location(services: Services, arguments: args.SendLocationArguments) -> Outcome:
    location = LocationOut(
        latitude=_degrees(arguments["latitude"], "latitude", 90),
        longitude=_degrees(arguments["longitude"], "longitude", 180),
    )
    chat, options = await addressed(services, arguments, forwarded=arguments.get("is_forwarded", False))
    return await send(services, chat, location, options)


def _degrees(text: str, field: str, limit: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= limit:
        raise InvalidArgument(f"{field}: decimal degrees between -{limit} and {limit} are needed", field=field)
    return value


@operation("sendContact")
async def send_contact(services: Services, arguments: args.SendContactArguments) -> Outcome:
    name = arguments["contact_name"].strip()
    if not name:
        raise InvalidArgument("contact_name is blank", field="contact_name")
    digits = await number(services, arguments["contact_phone"], field="contact_phone")
    chat, options = await addressed(services, arguments, forwarded=arguments.get("is_forwarded", False))
    return await send(services, chat, ContactOut(name=name, number=digits), options)


@operation("sendPoll")
async def send_poll(services: Services, arguments: args.SendPollArguments) -> Outcome:
    names = tuple(option.strip() for option in arguments["options"])
    if not all(names):
        raise InvalidArgument("options: an option is blank", field="options")
    if len(set(names)) != len(names):
        raise InvalidArgument("options: two options are the same", field="options")
    if arguments["max_answer"] > len(names):
        raise InvalidArgument(f"max_answer: at most {len(names)}, the number of options", field="max_answer")
    poll = PollOut(question=arguments["question"], options=names, selectable_count=arguments["max_answer"])
    chat, options = await addressed(services, arguments)
    return await send(services, chat, poll, options)


@operation("sendPresence")
async def send_presence(services: Services, arguments: args.SendPresenceArguments) -> Outcome:
    available = arguments["type"] == "available"
    await services.session.call(SetPresence(available=available))
    said = f"You are shown as {'online' if available else 'offline'}."
    return Outcome(said, {"message_id": "presence", "status": SUCCESS})


@operation("sendChatPresence")
async def send_chat_presence(services: Services, arguments: args.SendChatPresenceArguments) -> Outcome:
    chat = await recipient(services, arguments["phone"])
    start = arguments["action"] == "start"
    await services.session.call(SetChatPresence(chat=chat, composing=start))
    said = "The chat shows that you are typing." if start else "The chat no longer shows that you are typing."
    return Outcome(said, {"message_id": f"chat-presence-{arguments['action']}", "status": SUCCESS})
