"""waitForEvent: what happened after a cursor, of any kind."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from whatsapp_mcp import clock
from whatsapp_mcp.errors import InvalidArgument
from whatsapp_mcp.jid import Jid
from whatsapp_mcp.models.event_render import event_json
from whatsapp_mcp.models.events import USUAL, Event, EventKind, Events
from whatsapp_mcp.operations.chat_arrivals import position_of, seconds_to_wait
from whatsapp_mcp.operations.outcome import Outcome, Rows
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import read_from
from whatsapp_mcp.pipe.lines import TypingSeen
from whatsapp_mcp.waiting import waits_for

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args


@operation("waitForEvent")
async def wait_for_event(services: Services, arguments: args.WaitForEventArguments) -> Outcome:
    chat = await read_from(services, arguments["phone"], field="phone") if arguments.get("phone") else None
    kinds = tuple(EventKind(kind) for kind in arguments.get("kinds") or USUAL)
    limit, loop = arguments["limit"], asyncio.get_running_loop()
    deadline = loop.time() + seconds_to_wait(services, arguments.get("timeout"))
    position, typing = await position_of(services, arguments.get("cursor")), _Typing(services, kinds, chat)

    async def look() -> Events:
        found = await services.store.read(lambda store: store.events_after(position, kinds, chat=chat, limit=limit))
        last = found.events[-1].arrival if found.events else position
        return found.model_copy(update={"events": (*found.events, *await typing.seen(last))[:limit]})

    seen = max(services.session.newest_arrival, await services.store.look(lambda store: store.newest_arrival()))
    found = await look()
    if not found.events and not found.missed:
        await services.session.ready()
    while not found.events and not found.missed and (rest := deadline - loop.time()) > 0:
        position = max(position, seen)  # what was looked at with these kinds need not be looked at again
        if services.session.newest_arrival <= position:
            with waits_for("an event"):
                await services.session.wait_change(rest)
        seen = services.session.newest_arrival
        found = await look()
    if not found.events or found.events[0].kind is EventKind.TYPING:
        position = max(position, seen)
    return _outcome(found, await services.store.look(lambda store: store.cursor_at(position)))


def _outcome(found: Events, position: int) -> Outcome:
    """``position``: where to go on when nothing that has a number happened."""
    events = found.events
    numbered = [event.arrival for event in events if event.kind is not EventKind.TYPING]
    after = [*numbered, *[numbered[-1] if numbered else position] * (len(events) - len(numbered))]
    what = "Nothing happened." if not events else f"{len(events)} event{'s' if len(events) > 1 else ''}, in order."
    lost = " Some that happened since that cursor are kept no longer; what they changed is in the chats."
    return Outcome(
        what + (lost if found.missed else ""),
        {
            "data": Rows(events, event_json),
            "timed_out": not events and not found.missed,
            "missed": found.missed or None,
        },
        rows="data",
        cursors=[str(number) for number in after],
        next_cursor=str(after[-1] if after else position),
        untrusted=bool(events),
        heard=frozenset(event.chat for event in events),
    )


class _Typing:
    """Who types while a call waits, if it wants to know."""

    def __init__(self, services: Services, kinds: Collection[EventKind], chat: Jid | None) -> None:
        """Raises InvalidArgument: nobody is told of it."""
        self._wanted = EventKind.TYPING in kinds
        if self._wanted and not services.settings.typing_events:
            raise InvalidArgument(
                "kinds: typing is not told",
                field="kinds",
                next_step="Leave it out; the owner of the server turns it on with WHATSAPP_MCP_TYPING_EVENTS=true.",
            )
        self._services = services
        self._chat = chat
        self._mark, _ = services.session.typing_after(None)

    async def seen(self, position: int) -> list[Event]:
        """What happened since the last look; ``position``: the arrival number that they come after."""
        if not self._wanted:
            return []
        self._mark, typed = self._services.session.typing_after(self._mark)
        return [event for one in typed if (event := await self._event(one, position)) is not None]

    async def _event(self, one: TypingSeen, position: int) -> Event | None:
        store = self._services.store
        chat, sender = await self._known(one.chat), await self._known(one.sender)
        if self._chat not in (None, chat) or chat not in await store.may_read(chat):
            return None
        return Event(
            kind=EventKind.TYPING,
            arrival=position,
            chat=chat,
            chat_name=await store.look(lambda reader: reader.display_name(chat)),
            sender=sender,
            sender_name=await store.look(lambda reader: reader.display_name(sender)),
            timestamp=clock.now(),
            facts={"status": one.state},
        )

    async def _known(self, jid: Jid) -> Jid:
        """As results show it."""
        if not jid.is_lid:
            return jid
        return await self._services.store.look(lambda reader: reader.number_of(jid)) or jid
