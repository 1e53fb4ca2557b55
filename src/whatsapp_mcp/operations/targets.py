"""From what a caller writes to what is meant: a person, group or newsletter by number, JID, LID, group id or exact
unique name, and a stored message by its id.

Never a guess: a name that fits several chats is an error with the candidates, and a name that a stranger chose fits
nobody (``store.read.recipients``).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from whatsapp_mcp.clock import now
from whatsapp_mcp.errors import AmbiguousRecipient, InvalidArgument, NotAllowed, NotFound, SessionError
from whatsapp_mcp.jid import BROADCAST, GROUP, LID, NEWSLETTER, STATUS_BROADCAST, USER, Jid
from whatsapp_mcp.models.content import MessageKind
from whatsapp_mcp.models.delivery import DeferredState
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.models.views import Message
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.phone_number import digits_in, parse_number
from whatsapp_mcp.pipe.account import SyncContacts
from whatsapp_mcp.store.read.reader import StoreReader
from whatsapp_mcp.store.records import DeferredSend, NamedTarget

T = TypeVar("T")

MAX_INPUT: Final = 200
CONTACTS_ARRIVE: Final = timedelta(seconds=20)
"""So long after connecting, the phone's contacts may still be on their way (they come with the app state)."""
CONTACTS_WAIT: Final = 6.0
CONTACTS_PAUSE: Final = 0.3
_OLD_GROUP: Final = re.compile(r"\d{8,15}-\d{10}", re.ASCII)
_GROUP_ID: Final = re.compile(r"\d{16,20}", re.ASCII)
_KINDS: Final = {
    USER: "a person",
    LID: "a person",
    GROUP: "a group",
    NEWSLETTER: "a channel",
    BROADCAST: "a broadcast list",
    "bot": "a bot",
    "msgr": "somebody on Messenger",
    "interop": "somebody on another service",
}
"""By the servers on which WhatsApp has chats (whatsmeow types/jid.go)."""


async def person(services: Services, text: str, *, field: str = "phone") -> Jid:
    """A person; anything else is refused. The phone number form where it is known."""
    jid = await resolve(services, text, field=field)
    if not jid.is_person:
        raise InvalidArgument(f"{field}: this is {kind_of(jid)}; a person is needed", field=field)
    return jid


async def number(services: Services, text: str, *, field: str = "phone") -> str:
    """The digits of a phone number, written as one or as the address of its owner."""
    if "@" not in text:
        return parse_number(text, field)
    jid = await person(services, text, field=field)
    if jid.is_lid:
        raise InvalidArgument(
            f"{field}: this is a LID, whose number is not known", field=field, next_step="Pass the phone number."
        )
    return jid.user


def kind_of(jid: Jid) -> str:
    """What an address is of, in words."""
    return "the chat of status updates" if jid == STATUS_BROADCAST else _KINDS[jid.server]


async def read_from(services: Services, text: str, *, field: str) -> Jid:
    """The chat that is to be read: the same as ``resolve``, and a stranger may be named by the name that he chose.

    Raises:
        NotAllowed: it may not be read.
    """
    return await check_readable(services, await resolve(services, text, field=field, strangers=True), field)


async def check_readable(services: Services, jid: Jid, field: str) -> Jid:
    """The same chat. Raises NotAllowed where it may not be read, in the same words whether there is such a chat."""
    if await services.store.may_read(jid):
        return jid
    raise NotAllowed(
        f"{field}: this chat may not be read (rule read)",
        next_step="Tell the user; the owner of the account can change it: [read] in policy.toml, or the chats of the"
        " token.",
        details={"rule": "read", "field": field},
    )


async def resolve(services: Services, text: str, *, field: str = "phone", strangers: bool = False) -> Jid:
    """A chat or person of any kind, however the results of a tool name it. The phone number form where it is known.

    Raises:
        InvalidArgument: malformed.
        NotFound: nobody has this name who can be meant by it; near misses are in the details.
        AmbiguousRecipient: several have it.
    """
    text = text.strip()
    if not text or len(text) > MAX_INPUT:
        problem = "is empty" if not text else f"is longer than {MAX_INPUT} characters"
        raise InvalidArgument(f"{field} {problem}", field=field)
    if "@" in text:
        try:
            jid = await _parse_jid(services, text, field)
        except InvalidArgument:
            found = await services.store.read(lambda store: store.find_by_name(text, strangers=strangers))
            if len(found) != 1:
                raise
            return found[0].jid
        return await canonical(services, jid)
    if _OLD_GROUP.fullmatch(text) or _GROUP_ID.fullmatch(text):
        return Jid(text, GROUP)
    if digits_in(text) is not None:
        return await canonical(services, Jid(parse_number(text, field), USER))
    return await _by_name(services, text, field, strangers=strangers)


async def _parse_jid(services: Services, text: str, field: str) -> Jid:
    wrong = InvalidArgument(
        f"{field}: not a valid JID",
        field=field,
        next_step=f"Pass a number, NUMBER@{USER}, ID@{LID}, ID@{GROUP} or ID@{NEWSLETTER}; listChats shows them.",
    )
    user, _, server = text.rpartition("@")
    try:
        jid = Jid.parse(f"{user}@{server.lower()}").bare
    except ValueError:
        raise wrong from None
    if jid.server not in _KINDS:
        raise wrong
    if jid == STATUS_BROADCAST or await services.store.look(lambda store: store.knows(jid)):
        return jid
    if jid.server == USER:
        return Jid(parse_number(jid.user, field), USER)
    digits = jid.user.replace("-", "") if jid.server == GROUP else jid.user
    if not (digits.isascii() and digits.isdigit()):
        raise wrong
    return jid


async def canonical(services: Services, jid: Jid) -> Jid:
    """Of a person the number, where it is known."""
    if not jid.is_person:
        return jid
    number = await services.store.look(lambda store: store.number_of(jid))
    return number or jid


async def once_known(services: Services, query: Callable[[StoreReader], T], *, known: Callable[[T], bool] = bool) -> T:
    """What the store says, in which somebody is ``known`` at last or not at all: a device that was linked a moment ago
    is given time to learn its contacts."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + CONTACTS_WAIT
    while True:
        found = await services.store.read(query)
        snapshot = services.session.snapshot
        if known(found) or snapshot.state is not SessionState.CONNECTED:
            return found
        with contextlib.suppress(SessionError):  # the device may know names that are not in the store yet
            await services.session.call(SyncContacts())
        fresh = now() - snapshot.since < CONTACTS_ARRIVE
        if not fresh or loop.time() > deadline:
            return await services.store.read(query)
        await services.session.wait_change(CONTACTS_PAUSE)


async def _by_name(services: Services, name: str, field: str, *, strangers: bool) -> Jid:
    found = await once_known(services, lambda store: store.find_by_name(name, strangers=strangers))
    if len(found) == 1:
        return found[0].jid
    if found:
        raise AmbiguousRecipient(
            f"{field}: {len(found)} chats or contacts have this name",
            details={
                "field": field,
                "candidates": [target_json(target) for target in found],
            },
        )
    near = await services.store.read(lambda store: store.near_names(name))
    raise NotFound(
        f"{field}: nobody whom you saved or have written to, and no group, has exactly this name",
        next_step="Ask who is meant, then pass the number or JID. A near name whose name_source is push was chosen by"
        " that person and proves nothing.",
        details={"field": field, "near": [target_json(target) for target in near]},
    )


def target_json(target: NamedTarget) -> dict[str, str | None]:
    """One of those that a name may mean, or may have meant."""
    return {
        "jid": str(target.jid),
        "name": target.name,
        "name_source": target.name_source,
        "number": number_text(target.jid),
    }


def number_text(jid: Jid) -> str | None:
    """A person's number, where it is known."""
    return f"+{jid.user}" if jid.server == USER and jid.user else None


async def group_of(services: Services, text: str) -> Jid:
    """The group that ``group_id`` names; a person, a newsletter, or a group that we left is refused."""
    jid = await resolve(services, text, field="group_id")
    if not jid.is_group:
        raise InvalidArgument(
            f"group_id: this is {kind_of(jid)}, not a group", field="group_id", next_step="Take it from userMyGroups."
        )
    if await services.store.may_read(jid):  # what may not be read is not told of either
        await check_membership(services, jid, "group_id")
    return jid


async def check_membership(services: Services, group: Jid, field: str) -> None:
    """Raises InvalidArgument for a group that we are not in any more: WhatsApp tells and takes nothing of it."""
    chat = await services.store.look(lambda store: store.chat(group))
    if chat is not None and chat.left:
        raise InvalidArgument(
            f"{field}: you are not in this group any more",
            field=field,
            next_step="userMyGroups lists the groups that you are in.",
        )


async def newsletter_of(services: Services, text: str) -> Jid:
    """The newsletter that ``newsletter_id`` names; anything else is refused."""
    jid = await resolve(services, text, field="newsletter_id")
    if not jid.is_newsletter:
        raise InvalidArgument(
            f"newsletter_id: this is {kind_of(jid)}, not a newsletter",
            field="newsletter_id",
            next_step="Take it from userMyNewsletter.",
        )
    return jid


async def stored_message(services: Services, message_id: str, phone: str | None = None) -> tuple[Jid, Message]:
    """The chat and message that ``message_id`` and ``phone`` name; of any chat where the seed allows no ``phone``."""
    message_id = message_id.strip()
    chat = await check_readable(services, await resolve(services, phone), "phone") if phone else None
    message = await services.store.look(lambda store: store.message(message_id, chat))
    if message is None:
        held = await services.store.look(lambda store: store.deferred(message_id))
        if held is not None and (chat is None or chat == await canonical(services, held.chat)):
            raise InvalidArgument(
                f"message_id: this message has not left (status {held.status})",
                field="message_id",
                next_step="Wait until it has left; or stop it with revokeMessage and send another one.",
            )
        where = "in this chat" if chat else "in the store"
        raise NotFound(
            f"message_id: there is no message with this id {where}",
            next_step="Take message_id and chat from getChatMessages.",
            details={"field": "message_id"},
        )
    require_written(message, "message_id")
    return message.chat, message


async def is_held(services: Services, message_id: str) -> bool:
    """Whether it is the id of a message that has not left."""
    found = await services.store.look(lambda store: store.deferred(message_id.strip()))
    return found is not None and found.state in (DeferredState.HELD, DeferredState.PREPARING)


async def held_message(services: Services, message_id: str, phone: str) -> DeferredSend | None:
    """A message that was to leave later, in the chat that ``phone`` names."""
    found = await services.store.look(lambda store: store.deferred(message_id.strip()))
    if found is None or await resolve(services, phone) != await canonical(services, found.chat):
        return None
    return found


def require_written(message: Message, field: str) -> None:
    """Raises InvalidArgument for a row that is no message but tells what happened to a group."""
    if message.kind is MessageKind.NOTICE:
        raise InvalidArgument(
            f"{field}: this row tells what happened to the group; nobody wrote it, so nothing can be done with it",
            field=field,
        )


def require_there(message: Message, field: str) -> None:
    """Raises InvalidArgument for a message that was deleted for everyone: nothing is done with it any more."""
    if message.revoked_at is not None:
        raise InvalidArgument(f"{field}: this message was deleted", field=field)
