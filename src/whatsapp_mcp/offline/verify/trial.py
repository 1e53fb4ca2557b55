"""What the steps of one run share, and how a step says what it saw."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Protocol

import anyio

from whatsapp_mcp.clock import now
from whatsapp_mcp.offline.verify.own_chat import Json, OwnChat
from whatsapp_mcp.offline.verify.sight import Left, Sight

SHOWN_WITHIN: Final = 30.0
"""Seconds for what was done to be seen in the store: a change can come back from the service."""
_LOOK_EVERY: Final = 0.3
_ROWS: Final = 20


class Differs(Exception):
    """A step saw something else than was expected."""

    def __init__(self, *seen: Sight) -> None:
        super().__init__(*seen)
        self.seen = seen


class NotTried(Exception):
    """A step cannot be tried here, or is not wanted."""

    def __init__(self, why: Sight) -> None:
        super().__init__(why)
        self.why = why


class Phone(Protocol):
    """Somebody who has the account's phone in hand: a person, or the simulator."""

    async def vote(self, poll_id: str, option: str) -> None:
        """Vote, or ask a person to; what comes of it shows in the poll."""

    async def shows(self, ids: Mapping[str, str]) -> bool:
        """Whether these messages (what it is -> its id) are in the chat, as the phone shows it."""


@dataclass(slots=True)
class Trial:
    """One run."""

    own: OwnChat
    phone: Phone | None = None
    with_group: bool = False
    mark: str = field(default_factory=lambda: f"verify{secrets.token_hex(3)}")
    """A word that stands in nothing else."""
    began: datetime = field(default_factory=now)
    ids: dict[str, str] = field(default_factory=dict)
    """Of what was sent: step -> id of the message."""
    document: bytes = b""
    undo: dict[Left, Callable[[], Awaitable[object]]] = field(default_factory=dict)
    """What has to be put back, and how."""

    async def send(self, step: str, tool: str, **arguments: Any) -> str:
        """Send to the own chat; the message's id."""
        results = (await self.own.call(tool, phone=self.own.jid, **arguments))["results"]
        if results.get("status") == "held":
            raise Differs(Sight.HELD)
        self.ids[step] = str(results["message_id"])
        return self.ids[step]

    async def messages(self, chat: str | None = None) -> list[Json]:
        """The newest messages of the own chat, or of the group."""
        body = await self.own.call("getChatMessages", chat_jid=chat or self.own.jid, limit=_ROWS, detail="full")
        rows: list[Json] = body["results"]["data"]
        return rows

    async def chat(self) -> Json:
        """How the own chat is arranged."""
        body = await self.own.call("getChatMessages", chat_jid=self.own.jid, limit=1, detail="full")
        info: Json = body["results"]["chat_info"]
        return info

    async def shown(
        self, message_id: str, fits: Callable[[Json], object] = lambda _: True, *, chat: str | None = None
    ) -> bool:
        """Whether the chat soon has the message, so that it fits."""

        async def found() -> bool:
            rows = await self.messages(chat)
            return any(row.get("message_id") == message_id and bool(fits(row)) for row in rows)

        return await soon(found)

    async def arranged(self, fits: Callable[[Json], bool]) -> bool:
        """Whether the own chat is soon arranged so."""

        async def found() -> bool:
            return fits(await self.chat())

        return await soon(found)


async def soon(holds: Callable[[], Awaitable[bool]], *, within: float = SHOWN_WITHIN) -> bool:
    """Whether something comes true within so many seconds."""
    with anyio.move_on_after(within):
        while not await holds():  # noqa: ASYNC110 - what comes true does so in another process
            await anyio.sleep(_LOOK_EVERY)
        return True
    return False


def need(holds: bool, seen: Sight, otherwise: Sight) -> Sight:
    """``seen`` if it holds. Raises Differs: it does not."""
    if not holds:
        raise Differs(otherwise)
    return seen
