"""What happens while processes are killed: contacts write, and the users of ten servers call tools."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from PIL import Image

from bench.mcp_host import SERVER, Host, hosting
from bench.program import BenchError
from whatsapp_mcp.simulator import VirtualContact
from whatsapp_mcp.simulator.people.sent import SentMessage
from whatsapp_mcp.simulator.service.groups.group import Group

__all__ = ["Call", "Contacts", "Server", "User", "background"]

PAUSE: Final = 0.004
"""Mean seconds between two messages of contacts, beside the time that the simulator needs to encrypt one."""
BACKLOG: Final = 500
"""Undelivered stanzas at which contacts wait for a slow machine."""
CALL_PAUSE: Final = 0.7
"""Mean seconds between two calls of one user."""
CALL_LIMIT: Final = 60.0
PAUSING_SHARE: Final = 0.004
"""Of all calls; one that pauses the session costs everybody a second."""


class Contacts:
    """They write, react and edit without end, unless very much waits to be delivered."""

    def __init__(
        self, people: Sequence[VirtualContact], group: Group, chance: random.Random, backlog: Callable[[], int]
    ) -> None:
        self._people = people
        self._group = group
        self._chance = chance
        self._backlog = backlog
        self._last: dict[VirtualContact, SentMessage] = {}
        self.texts: dict[str, set[str]] = {}
        """By message: what it says, at first and after edits."""
        self.reactions: dict[str, str] = {}
        """Message by reaction; one to a message at most."""
        self.edits: dict[str, str] = {}
        """Message by edit; one of a message at most."""

    async def write(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / PAUSE))
            if self._backlog() < BACKLOG:
                self._act(self._chance.choice(self._people))

    @property
    def ids(self) -> set[str]:
        return self.texts.keys() | self.reactions.keys() | self.edits.keys()

    @property
    def asked_again(self) -> set[str]:
        """Messages that the linked device asked to be sent again."""
        receipts = (receipt for who in self._people for receipt in who.receipts)
        return {message_id for receipt in receipts if receipt.kind == "retry" for message_id in receipt.ids}

    def _act(self, who: VirtualContact) -> None:
        last = self._last.get(who)
        text = f"Number {len(self.texts)} of those that {who.name} and others write"
        throw = self._chance.random()
        if last is not None and throw < 0.08 and last.id not in self.reactions.values():
            self.reactions[who.react(self._chance.choice("👍🎉🙏"), last).id] = last.id
        elif last is not None and throw > 0.95 and last.id not in self.edits.values():
            self.texts[last.id].add(text)
            self.edits[who.edit(last, text).id] = last.id
        else:
            sent = who.say(text, to=self._group if self._chance.random() < 0.4 else None)
            self._last[who] = sent
            self.texts[sent.id] = {text}


class Server:
    """One place for a server: when one is gone, the next takes it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._hosting: contextlib.AbstractAsyncContextManager[Host] | None = None
        self._host: Host
        self.free = asyncio.Lock()
        """Held during a call: this host has one at a time."""
        self.began = 0.0
        """``time.monotonic()`` of the last call."""
        self.killed: list[float] = []
        """The same of each end by force."""

    @property
    def pid(self) -> int:
        return self._host.program.pid

    async def start(self) -> None:
        self._hosting = hosting(SERVER, self._environment)
        self._host = await self._hosting.__aenter__()

    async def end(self) -> None:
        """As a host does: stdin is closed. One that was killed is waited for."""
        if self._hosting is not None:
            hosting, self._hosting = self._hosting, None
            await hosting.__aexit__(None, None, None)

    async def replace(self) -> None:
        """Have the next take its place, after the call that is under way."""
        async with self.free:
            await self.end()
            await self.start()

    async def call(self, tool: str, arguments: dict[str, Any] | None = None) -> Any:
        """Results. Raises BenchError."""
        async with self.free:
            self.began = time.monotonic()
            return (await self._host.call(tool, arguments, timeout=CALL_LIMIT)).results


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a user that failed; ``time.monotonic()``."""

    server: Server
    tool: str
    began: float
    ended: float
    why: str


class User:
    """Calls tools of one server after another that takes its place; sends a text or caption once only."""

    def __init__(self, number: int, server: Server, to: VirtualContact, chance: random.Random) -> None:
        self._number = number
        self._server = server
        self._to = to
        self._chance = random.Random(chance.random())
        self.calls = 0
        self.failed: list[Call] = []
        self.texts: set[str] = set()
        """All that were to be sent."""
        self.sent: dict[str, str] = {}
        """Text by message id; what a tool said was sent."""

    async def work(self) -> None:
        while True:
            await asyncio.sleep(self._chance.expovariate(1 / CALL_PAUSE))
            await self.act()

    async def begin(self) -> None:
        """The chat that everybody looks at."""
        await self._send("sendMessage", "message", phone=self._to.number)

    async def act(self) -> None:
        phone = self._to.number
        throw = self._chance.random()
        if throw < 0.41:
            await self._send("sendMessage", "message", phone=phone)
        elif throw < 0.45:
            await self._schedule(phone)
        elif throw < 0.48:
            await self._send("sendImage", "caption", phone=phone, image=_PICTURE)
        elif throw < 0.48 + PAUSING_SHARE:
            await self._call("pinChat", {"chat_jid": phone, "pinned": self._chance.random() < 0.5})
        elif throw < 0.75:
            await self._call("getChatMessages", {"chat_jid": f"{phone}@s.whatsapp.net", "limit": 20})
        else:
            await self._call("listChats", {})

    async def _send(self, tool: str, field: str, **arguments: str) -> None:
        text = f"Number {len(self.texts)} from server {self._number}"
        self.texts.add(text)
        results = await self._call(tool, {**arguments, field: text})
        if results is not None:
            self.sent[results["message_id"]] = text

    async def _schedule(self, phone: str) -> None:
        """At most once: nobody says here that it was sent, and a process that is killed may not know."""
        text = f"Number {len(self.texts)} from server {self._number}"
        self.texts.add(text)
        await self._call("scheduleMessage", {"phone": phone, "message": text, "at": f"{self._chance.randint(1, 4)}s"})

    async def _call(self, tool: str, arguments: dict[str, Any]) -> Any:
        """Results; None when it failed."""
        self.calls += 1
        try:
            return await self._server.call(tool, arguments)
        except (BenchError, OSError) as error:
            self.failed.append(Call(self._server, tool, self._server.began, time.monotonic(), str(error)[:1000]))
            return None


@asynccontextmanager
async def background(*work: Any) -> AsyncIterator[None]:
    """Coroutines that run beside the block, and are cancelled at its end. One that fails ends the block."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def _picture() -> str:
    data = BytesIO()
    Image.effect_noise((64, 64), 50).save(data, "PNG")
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode()


_PICTURE: Final = _picture()
