"""Getting a change of the app state accepted: fetch, build on it, upload, merge after a conflict, look whether it is
there.

The answer to an upload is not what counts, but whether the server gives our values out afterwards: so an answer that
was lost, an answer that says nothing, and a conflict are resolved alike, by looking. Looking is exact, because every
value has a MAC of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from whatsapp_mcp.clock import now_ms
from whatsapp_mcp.errors import AppStateConflict
from whatsapp_mcp.models.app_state import AppStateChange
from whatsapp_mcp.side_login.collections import Collections
from whatsapp_mcp.side_login.encoding import mutations
from whatsapp_mcp.side_login.login import PassiveLogin
from whatsapp_mcp.side_login.request import Request
from whatsapp_mcp.wire.protos import server_sync

MAX_ATTEMPTS: Final = 4


@dataclass(slots=True, eq=False)
class PendingPatch:
    """Changes that go into one patch, and what was tried so far; survives the login that it was begun in."""

    collection: str
    changes: list[AppStateChange] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    """Those that the changes are of."""
    sent: list[bytes] = field(default_factory=list)
    """MAC of the last value of every patch that was offered."""


def plan_patches(requests: Iterable[Request]) -> list[PendingPatch]:
    """As few patches as possible: one per collection, a further one when an index comes again. Order is kept."""
    patches: list[PendingPatch] = []
    newest: dict[str, tuple[PendingPatch, set[tuple[str, ...]]]] = {}
    wanted = [
        (change, request, collection, {mutation.index for mutation in written})
        for request in requests
        if isinstance(request.work, tuple)
        for change in request.work
        for collection, written in mutations(change, 0).items()  # whatever the time
    ]
    for change, request, collection, indexes in wanted:
        patch, taken = newest.get(collection, (None, set()))
        if patch is None or taken & indexes:
            patch, taken = newest[collection] = PendingPatch(collection), set()
            patches.append(patch)
        patch.changes.append(change)
        if request not in patch.requests:
            patch.requests.append(request)
            request.open_patches += 1
        taken |= indexes
    return patches


async def push(login: PassiveLogin, collections: Collections, pending: PendingPatch) -> None:
    """Return when the server has the change.

    Raises:
        AppStateConflict: other devices were faster, ``MAX_ATTEMPTS`` times.
        ConnectionLost: call it again with the next login and the same ``pending``.
        WhatsAppMcpError: see ``Collections.fetch`` and ``Collections.upload``; nothing of it was accepted.
    """
    refused_version: int | None = None
    while True:
        state = await collections.fetch(login, pending.collection)
        if any(collections.has_seen(value_mac) for value_mac in pending.sent):
            return
        if len(pending.sent) >= MAX_ATTEMPTS:
            raise AppStateConflict(f"the collection {pending.collection} was changed by other devices at each attempt")
        if refused_version == state.version:
            # A conflict, and yet nothing newer: our idea of the collection is not the server's.
            collections.start_over(pending.collection)
            state = await collections.fetch(login, pending.collection)
        now = now_ms()
        written = [one for change in pending.changes for one in mutations(change, now)[pending.collection]]
        patch = state.build_patch(written, await collections.newest_key())
        pending.sent.append(_last_value_mac(patch.mutations))
        outcome = await collections.upload(login, state, patch)
        refused_version = state.version if outcome == "conflict" else None


def _last_value_mac(mutations: Sequence[server_sync.SyncdMutation]) -> bytes:
    return mutations[-1].record.value.blob[-32:]
