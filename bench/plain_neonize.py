"""Plain neonize as a program: the floor of sending and receiving.

A linked device of its own in a process of its own that does nothing else: no message store, no session process, no
MCP. What is measured in here holds one protobuf made into bytes, the ctypes call into neonize, whatsmeow (device list,
Signal session and its SQLite database, Noise, socket), the simulator's acknowledgement, and the answer read back; for
incoming messages everything up to the moment neonize calls back into Python. It does less than neonize's own
``NewClient.send_message``, which also looks for mentions and links.

Answers JSON-RPC lines on stdin: ``pair``, ``connected``, ``send``, ``received``, ``watch_for``, ``told``;
`plain_neonize` is the parent's side.
The environment that keeps it on loopback must exist when it is executed; `whatsapp_mcp.whatsapp.library` refuses to
load neonize otherwise.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench.program import Program, running
from bench.world import ANA, World

__all__ = ["Plain", "plain_neonize"]

Json = dict[str, Any]
LIMIT: Final = 20.0
"""Seconds that anything may take here."""


class Plain:
    """The parent's side."""

    def __init__(self, program: Program) -> None:
        self._program = program

    @property
    def pid(self) -> int:
        return self._program.pid

    async def pair(self, world: World) -> None:
        await world.scan("plain", (await self._program.request("pair")).result["qr"])
        await self._program.request("connected")

    async def send(self, text: str) -> float:
        """Write to Ana; seconds from the call of neonize's function to its return."""
        return float((await self._program.request("send", {"to": ANA, "text": text})).result["seconds"])

    async def watch_for(self, word: str) -> None:
        """From now on, look for a word in what the phone shares; all of it is thrown away."""
        await self._program.request("watch_for", {"word": word})

    async def told(self, timeout: float) -> float:
        """Wait for that word; ``time.monotonic()`` when neonize handed it over."""
        return float((await self._program.request("told", {"timeout": timeout}, timeout=timeout + LIMIT)).result["at"])

    async def received(self, message_id: str) -> float:
        """Wait for a message; ``time.monotonic()`` when neonize handed it over."""
        return float((await self._program.request("received", {"id": message_id})).result["at"])


@asynccontextmanager
async def plain_neonize(folder: Path, endpoint: Path) -> AsyncIterator[Plain]:
    """A running one, not yet linked; its session database is in ``folder``."""
    from whatsapp_mcp.endpoint import Endpoint

    environment = Endpoint.read(endpoint).environment(dict(os.environ)) | {"NEONIZE_BOT_TAG": "off"}
    arguments = ["-m", "bench.plain_neonize", str(endpoint), str((folder / "plain.db").absolute())]
    async with running(arguments, environment) as program:
        yield Plain(program)


class _Event(NamedTuple):
    at: float
    payload: bytes


class _Device:
    """The linked device."""

    def __init__(self, endpoint: Path, database: Path) -> None:
        from whatsapp_mcp.endpoint import Endpoint
        from whatsapp_mcp.whatsapp.account import Account
        from whatsapp_mcp.whatsapp.client import Client, ClientEvents
        from whatsapp_mcp.whatsapp.library import load
        from whatsapp_mcp.whatsapp.media_downloads import MediaDownloads

        self._codes: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._messages: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._connected = threading.Event()
        self._word: bytes | None = None
        self._told: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._events = ClientEvents(
            event=self._on_event,
            qr=self._codes.put,
            login_status=lambda _status: None,
            log=lambda level, name, text: print(level, name, text, file=sys.stderr),
            ended=lambda error: print("ended", error, file=sys.stderr),
        )
        service = Endpoint.read(endpoint)
        self._library = load(service, require_endpoint=True)
        self._client = Client(database)
        self._account = Account(self._client, MediaDownloads(service))

    def _on_event(self, code: int, payload: bytes) -> None:
        from whatsapp_mcp.whatsapp.client import EventCode

        if code == EventCode.MESSAGE:
            self._messages.put(_Event(time.monotonic(), payload))
        elif code == EventCode.CONNECTED:
            self._connected.set()
        elif code == EventCode.HISTORY_SYNC and self._word is not None and self._word in payload:
            self._told.put(time.monotonic())

    def watch_for(self, word: str) -> Json:
        self._word = word.encode()
        return {}

    def told(self, timeout: float) -> Json:
        return {"at": self._told.get(timeout=timeout)}

    def pair(self) -> Json:
        self._client.start(self._library, self._events)
        return {"qr": self._codes.get(timeout=LIMIT)}

    def connected(self) -> Json:
        if not self._connected.wait(LIMIT):
            raise TimeoutError("not connected in time")
        return {}

    def send(self, to: str, text: str) -> Json:
        from whatsapp_mcp.jid import USER, Jid
        from whatsapp_mcp.whatsapp.compose import give_secret
        from whatsapp_mcp.wire.protos import e2e

        chat, message = Jid(to, USER), e2e.Message(conversation=text)
        give_secret(message)
        began = time.monotonic()
        self._account.send(chat, message)
        return {"seconds": time.monotonic() - began}

    def received(self, message_id: str) -> Json:
        from whatsapp_mcp.wire.protos import neonize_pb2

        deadline = time.monotonic() + LIMIT
        while True:
            event = self._messages.get(timeout=max(0.0, deadline - time.monotonic()))
            message = neonize_pb2.Message.FromString(event.payload)
            if message_id == message.Info.ID:
                return {"at": event.at}


def main() -> None:
    from whatsapp_mcp.descriptors import claim_stdio

    wire = claim_stdio()  # Go prints to stdout
    device = _Device(Path(sys.argv[1]), Path(sys.argv[2]))
    with os.fdopen(wire.incoming, "rb") as lines:
        for line in lines:
            request: Json = json.loads(line)
            asked: Json = request["params"]
            answer: Json
            try:
                match request["method"]:
                    case "pair":
                        answer = {"result": device.pair()}
                    case "connected":
                        answer = {"result": device.connected()}
                    case "send":
                        answer = {"result": device.send(asked["to"], asked["text"])}
                    case "watch_for":
                        answer = {"result": device.watch_for(asked["word"])}
                    case "told":
                        answer = {"result": device.told(asked["timeout"])}
                    case "received":
                        answer = {"result": device.received(asked["id"])}
                    case unknown:
                        answer = {"error": f"no method {unknown}"}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            os.write(wire.outgoing, json.dumps({"id": request["id"], **answer}).encode() + b"\n")
    sys.stderr.flush()
    os._exit(0)  # Go threads keep a normal exit waiting for ever


if __name__ == "__main__":
    main()
