"""A simulated WhatsApp as a process of its own, so that its work and that of the measuring never share a thread.

Two accounts, one for the server and one for plain neonize, and one contact, Ana, who writes to both. Run as a program
it answers JSON-RPC lines: ``scan``, ``say``, ``offer``, ``remember``, ``share``, ``settle``; `world` is the parent's
side.
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

__all__ = ["ANA", "World", "world"]

Json = dict[str, Any]
Who = Literal["server", "plain"]

ANA: Final = "5511987650001"
PLAIN: Final = "4915112345670"
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

    async def offer(self, who: Who, size: int, *, timeout: float) -> str:
        """Ana sends a file of so many bytes; the id of her message."""
        return str((await self._program.request("offer", {"who": who, "size": size}, timeout=timeout)).result["id"])

    async def remember(self, messages: int, last: str, *, timeout: float) -> int:
        """Put a history on the media hosts, the last message of which says ``last``; of how many parts it is."""
        asked = {"messages": messages, "last": last}
        return int((await self._program.request("remember", asked, timeout=timeout)).result["parts"])

    async def share(self, who: Who) -> None:
        """The phone tells its devices of all parts."""
        await self._program.request("share", {"who": who})

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


async def _answer(endpoint: Path) -> None:
    from bench.world_files import Histories, large_document
    from whatsapp_mcp.simulator import Simulator

    reader = asyncio.StreamReader(limit=1 << 24)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with Simulator() as simulator:
        phones = {"server": simulator.phone, "plain": simulator.add_account(PLAIN, "Plain")}
        ana = await simulator.add_contact("Ana", number=ANA)
        histories = Histories(simulator.world.media)
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
                case "offer":
                    document = await asyncio.to_thread(large_document, simulator.world.media, asked["size"])
                    result = {"id": ana.send_message(phones[asked["who"]].account, document).id}
                case "remember":
                    await asyncio.to_thread(histories.make, asked["messages"], asked["last"])
                    result = {"parts": len(histories)}
                case "share":
                    histories.share(phones[asked["who"]])
                case "settle":
                    await simulator.until_delivered()
            sys.stdout.write(json.dumps({"id": request["id"], "result": result}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_answer(Path(sys.argv[1])))
