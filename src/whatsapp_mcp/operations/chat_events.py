"""waitForEvent: what happened after a cursor, of any kind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from whatsapp_mcp.models.event_render import event_json
from whatsapp_mcp.models.events import USUAL, EventKind, Events
from whatsapp_mcp.operations.chat_arrivals import position_of, seconds_to_wait
from whatsapp_mcp.operations.outcome import Outcome, Rows
from whatsapp_mcp.operations.registry import operation
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import read_from
from whatsapp_mcp.waiting import waits_for

if TYPE_CHECKING:
    from whatsapp_mcp.catalog import arguments as args


@operation("waitForEvent")
async def wait_for_event(services: Services, arguments: args.WaitForEventArguments) -> Outcome:
    chat = await read_from(services, arguments["phone"], field="phone") if arguments.get("phone") else None
    kinds = tuple(EventKind(kind) for kind in arguments.get("kinds") or USUAL)
    limit, loop = arguments["limit"], asyncio.get_running_loop()
    deadline = loop.time() + seconds_to_wait(services, arguments.get("timeout"))
    position = await position_of(services, arguments.get("cursor"))

    async def look() -> Events:
        return await services.store.read(lambda store: store.events_after(position, kinds, chat=chat, limit=limit))

    seen = max(services.session.newest_arrival, services.store.look(lambda store: store.newest_arrival()))
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
    if not found.events:
        position = max(position, seen)
    return _outcome(found, services.store.look(lambda store: store.cursor_at(position)))


def _outcome(found: Events, position: int) -> Outcome:
    events = found.events
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
        cursors=[str(event.arrival) for event in events],
        next_cursor=str(events[-1].arrival if events else position),
        untrusted=bool(events),
        heard=frozenset(event.chat for event in events),
    )
