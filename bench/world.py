"""A simulated WhatsApp as a process of its own, so that its work and that of the measuring never share a thread.

Two accounts, one for the server and one for plain neonize, and one contact, Ana, who writes to both. Run as a program
it answers JSON-RPC lines: ``scan``, ``say``, ``send_file``, ``share``, ``settle``; `world` is the parent's side.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

from bench.program import Program, running

__all__ = ["ANA", "Who", "World", "world"]

Json = dict[str, Any]
Who = Literal["server", "plain"]

ANA: Final = "5511987650001"
PLAIN: Final = "4915112345670"
DAY: Final = 86_400
FILE_LIMIT: Final = 240.0
"""Seconds that the simulator may take to encrypt and keep a large file, or to write down a part of a history."""
PAUSE: Final = 0.03
"""Seconds after the last confirmation, for what clients still write into their databases."""


class World:
    """The parent's side."""

    def __init__(self, program: Program, endpoint: Path) -> None:
        self._program = program
        self.endpoint = endpoint

    async def scan(self, who: Who, qr: str) -> None:
        await self._program.request("scan", {"who": who, "qr": qr})

    async def say(self, who: Who, text: str) -> tuple[str, float]:
        """Ana writes; the id of her message, and ``time.monotonic()`` of the moment before."""
        said = (await self._program.request("say", {"who": who, "text": text})).result
        return said["id"], said["at"]

    async def send_file(self, size: int) -> str:
        """Ana sends the server a file of so many bytes; the id of her message."""
        return str((await self._program.request("send_file", {"size": size}, timeout=FILE_LIMIT)).result["id"])

    async def share(self, who: Who, messages: int, *, first: int, word: str) -> None:
        """The phone of one of them shares as many old messages of a chat with Ana; the oldest is ``word``.

        Args:
            first: how many it has shared before; those are newer.
        """
        asked = {"who": who, "messages": messages, "first": first, "word": word}
        await self._program.request("share", asked, timeout=FILE_LIMIT)

    async def settle(self) -> None:
        """Wait until nobody owes a confirmation any more, and a little longer."""
        await self._program.request("settle")
        await asyncio.sleep(PAUSE)


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """A running one; its endpoint file is in ``folder``."""
    endpoint = folder / "endpoint.json"
    async with running(["-m", "bench.world", str(endpoint)], os.environ) as program:
        await program.request("ready")
        yield World(program, endpoint)


def _past(ana: Any, *, messages: int, first: int, word: str) -> Any:
    """A chat with her: each message a minute before the one that was shared before it."""
    from whatsapp_mcp.simulator import HistoryChat, HistoryMessage

    newest = time.time() - DAY - 60 * first
    told = [
        HistoryMessage(f"Number {first + n} of what we said about Friday", ana, newest - 60 * n)
        for n in range(messages)
    ]
    told[-1].content = word
    return HistoryChat(ana, told[::-1])


async def _answer(endpoint: Path) -> None:
    from whatsapp_mcp.simulator import Simulator

    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with Simulator() as simulator:
        phones = {"server": simulator.phone, "plain": simulator.add_account(PLAIN, "Plain")}
        ana = await simulator.add_contact("Ana", number=ANA)
        simulator.write_endpoint(endpoint)
        while line := await reader.readline():
            request: Json = json.loads(line)
            asked: Json = request["params"]
            result: Json = {}
            match request["method"]:
                case "scan":
                    await phones[asked["who"]].scan(asked["qr"])
                case "say":
                    at = time.monotonic()
                    sent = ana.say(asked["text"], to=phones[asked["who"]].account)
                    result = {"id": sent.id, "at": at}
                case "send_file":
                    content = bytes(asked["size"])
                    sent = ana.send_document(content, name="large.bin", to=phones["server"].account)
                    result = {"id": sent.id}
                case "share":
                    phone = phones[asked.pop("who")]
                    phone.history.share([_past(ana, **asked)], kind="recent", inline=False)
                case "settle":
                    await simulator.until_delivered()
            sys.stdout.write(json.dumps({"id": request["id"], "result": result}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_answer(Path(sys.argv[1])))
