"""To whom something is sent: a chat that can be written to from here, under the address that works; and whom it
mentions."""

from __future__ import annotations

import re
from collections.abc import Iterable

from whatsapp_mcp.errors import InvalidArgument, NotFound, RateLimited, SessionTimeout, WhatsAppRefused
from whatsapp_mcp.jid import BROADCAST, USER, Jid
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import check_membership, kind_of, person, resolve
from whatsapp_mcp.pipe.account import CheckNumbers
from whatsapp_mcp.policy.limits import LimitKind


async def recipient(services: Services, text: str, *, field: str = "phone") -> Jid:
    """A chat that can be written to from here. A number that is new here is looked up: WhatsApp may know its owner
    under another one (in Brazil, Mexico and Argentina people write a digit more, or less).

    Raises:
        InvalidArgument: nothing can be written there, or we are not in that group any more.
        NotFound: nobody has this number or name.
    """
    if services.addressed and text == services.addressed:
        return Jid.parse(text)
    jid = await resolve(services, text, field=field)
    check_writable(jid, field)
    if jid.is_group:
        await check_membership(services, jid, field)
    if jid.server != USER or await services.store.look(lambda store: store.knows(jid)):
        return jid
    return await _as_whatsapp_knows(services, jid, field)


def check_writable(chat: Jid, field: str = "phone") -> None:
    """Raises InvalidArgument for a chat in which nothing can be written from here."""
    if chat.server == BROADCAST:
        raise InvalidArgument(
            f"{field}: this is {kind_of(chat)}, which can be read here, and written to on the phone only",
            field=field,
            next_step="Write to the people one by one.",
        )


async def in_digits(services: Services, text: str, named: Iterable[str]) -> tuple[str, tuple[Jid, ...]]:
    """The text, and the people of the parameter ``mentions``.

    Where one of them has the name after an @ in it, the digits take its place: phones show the name only for these.

    Raises:
        WhatsAppMcpError: nobody, or more than one, is meant, or no person.
    """
    names = dict.fromkeys(entry.strip().removeprefix("@") for entry in named)
    people = {name: await person(services, name, field="mentions") for name in names}
    for name in sorted(people, key=len, reverse=True):  # "@Ana Maria" before "@Ana"
        text = re.sub(rf"(?<![\w@.])@{re.escape(name)}(?!\w)", f"@{people[name].user}", text, flags=re.IGNORECASE)
    return text, tuple(people.values())


async def _as_whatsapp_knows(services: Services, number: Jid, field: str) -> Jid:
    await services.counting({LimitKind.NUMBER_CHECKS: 1})
    try:
        checked = await services.session.call(CheckNumbers(numbers=(number.user,)))
    except (WhatsAppRefused, RateLimited, SessionTimeout):
        return number  # to ask is not all that can fail: sending tells what is wrong
    found = [one.jid for one in checked if one.registered]
    if found:
        return found[0] or number
    raise NotFound(
        f"{field}: this number is not on WhatsApp",
        next_step="Check the number: international format, without leading zeros.",
        details={"field": field},
    )
