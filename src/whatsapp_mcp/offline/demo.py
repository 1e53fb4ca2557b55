"""``whatsapp-mcp demo``: one conversation, end to end, for a person to watch.

An MCP client (this process) talks over stdio to a real server process, which drives the real neonize library, which
talks to a WhatsApp that this process simulates. Nothing leaves the machine and no phone is needed.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import anyio
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import CallToolResult, ImageContent, TextContent
from rich.console import Console
from rich.markup import escape

from whatsapp_mcp.errors import SetupError
from whatsapp_mcp.platform.system import HAS_SIMULATOR
from whatsapp_mcp.qr_picture import qr_lines
from whatsapp_mcp.simulator import Simulator

INVITATION: Final = "Dinner on Friday?"
AGREED: Final = "Great, at seven then."
LOG_NAME: Final = "server.log"
TIME_LIMIT: Final = 90.0
"""Seconds: much more than it takes, for busy machines. The last line shows what it waited for."""


class Transcript:
    """What the person sees."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()

    def step(self, title: str) -> None:
        self._console.print(f"\n[bold]{escape(title)}[/bold]")

    def note(self, text: str) -> None:
        self._console.print(f"  {escape(text)}", style="dim")

    def call(self, tool: str, arguments: dict[str, Any]) -> None:
        shown = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments.items())
        self._console.print(f"  [cyan]→ {tool}[/cyan]({escape(shown)})")

    def answer(self, text: str) -> None:
        self._console.print(f"  [green]←[/green] {escape(text)}")

    def said(self, who: str, text: str) -> None:
        self._console.print(f"  [yellow]{escape(who)}[/yellow]: {escape(text)}")

    def qr(self, text: str) -> None:
        lines = qr_lines(text, self._console.encoding)
        if len(lines[0]) > self._console.width:
            self.note(f"the QR code is not drawn: it needs {len(lines[0])} columns, and here are {self._console.width}")
            return
        indent = " " * min(4, self._console.width - len(lines[0]))
        # Printed without markup or wrapping: a QR code is a picture made of characters.
        for line in lines:
            self._console.print(indent + line, highlight=False, markup=False, soft_wrap=True)

    def done(self) -> None:
        seconds = time.monotonic() - self._started
        self._console.print(f"\n[bold green]Done[/bold green] in {seconds:.1f} s.")


class DemoError(SetupError):
    """The demo could not be played to its end."""

    code = "demo_error"


class _Guest:
    """The MCP client of the demo: shows every call and its answer."""

    def __init__(self, client: Client, transcript: Transcript) -> None:
        self._client = client
        self._transcript = transcript

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        self._transcript.call(tool, arguments)
        result = await self._client.call_tool(tool, arguments)
        body = result.structured_content or _in_text(result)
        if result.is_error:
            raise DemoError(f"{tool} failed: {body.get('message')}", next_step=str(body.get("next_step", "")))
        pictures = [block for block in result.content if isinstance(block, ImageContent)]
        size = f" (with a picture, {len(pictures[0].data) * 3 // 4} bytes)" if pictures else ""
        self._transcript.answer(f"{body['message']}{size}")
        return body


async def _play(transcript: Transcript, folder: Path) -> None:
    transcript.step("1. A WhatsApp on this machine")
    async with Simulator() as simulator:
        contacts = await simulator.add_cast()
        endpoint = folder / "endpoint.json"
        simulator.write_endpoint(endpoint)
        transcript.note(f"simulator at {simulator.endpoint.proxy}; contacts: {', '.join(c.name for c in contacts)}")
        server = StdioServerParameters(
            command=sys.executable,
            args=["-m", "whatsapp_mcp", "stdio", "--data-dir", str(folder / "data"), "--toolsets", "all"],
            env={
                **os.environ,
                "WHATSAPP_MCP_ACCOUNT": "",
                "WHATSAPP_MCP_ENDPOINT": str(endpoint),
                "WHATSAPP_MCP_REQUIRE_ENDPOINT": "true",
                "WHATSAPP_MCP_CONNECT_WAIT": f"{TIME_LIMIT / 2:g}",
                "WHATSAPP_MCP_SESSION_LINGER": "0",  # nothing outlives the simulator
            },
        )
        # What the libraries below write to stderr would tear the transcript; it is shown when something fails.
        with (folder / LOG_NAME).open("w", encoding="utf-8") as log:
            async with Client(stdio_client(server, errlog=log)) as client:
                tools = await client.list_tools()
                transcript.note(f"MCP server started over stdio; it offers {len(tools.tools)} tools")
                await _converse(_Guest(client, transcript), transcript, simulator)


async def _converse(guest: _Guest, transcript: Transcript, simulator: Simulator) -> None:
    transcript.step("2. Link the account")
    login = (await guest.call("appLogin"))["results"]
    transcript.qr(login["qr_text"])
    transcript.note("the simulated phone scans the code ...")
    await simulator.phone.scan(login["qr_text"])
    device = (await guest.call("appDevices"))["results"][0]
    transcript.note(f"linked as {device['device']}")

    transcript.step("3. Write to Ana and wait for her answer")
    ana = simulator.contact("Ana")
    cursor = (await guest.call("waitForMessage", timeout=0))["results"]["cursor"]
    sent = await guest.call("sendMessage", phone=f"+{ana.number}", message=INVITATION)
    transcript.said("you", INVITATION)
    answer = (await guest.call("waitForMessage", phone=f"+{ana.number}", cursor=cursor, timeout=40))["results"]
    if answer["timed_out"]:
        raise DemoError("Ana did not answer within 40 seconds")
    message = answer["message"]
    transcript.said(message["sender_name"], message["content"])

    transcript.step("4. React, reply, mark as read")
    await guest.call("reactMessage", message_id=message["message_id"], phone=message["chat_jid"], emoji="👍")
    await guest.call("readMessage", message_id=[message["message_id"]], phone=message["chat_jid"])
    await guest.call("sendMessage", phone=message["chat_jid"], message=AGREED, reply_message_id=message["message_id"])
    transcript.said("you", AGREED)

    transcript.step("5. Find it again")
    found = await guest.call("searchMessages", query="DÍNNER friday")
    ids = [row["message_id"] for row in found["results"]["data"]]
    if sent["results"]["message_id"] not in ids:
        raise DemoError("the search did not find the message that was sent")
    for row in _rows(found):
        status = f" ({row.get('status', 'read')})" if row.get("is_from_me") else ""
        transcript.said("you" if row.get("is_from_me") else row["sender_name"], row["content"] + status)
    chats = await guest.call("listChats")
    for chat in _rows(chats):
        when = chat.get("timestamp")
        transcript.note(f"{chat['name']}  {chat['chat_jid']}  {f'last message {when}' if when else 'no messages yet'}")


def _in_text(result: CallToolResult) -> dict[str, Any]:
    """A result with a picture is nothing but text and that picture."""
    text = next(block.text for block in result.content if isinstance(block, TextContent))
    body: dict[str, Any] = json.loads(text)
    return body


def _rows(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Each with what all rows have in common."""
    results = body["results"]
    return [results.get("common", {}) | row for row in results["data"]]


async def play(transcript: Transcript) -> None:
    """The whole demo, told to ``transcript``."""
    with tempfile.TemporaryDirectory(prefix="whatsapp-mcp-demo-") as folder:
        try:
            with anyio.fail_after(TIME_LIMIT):
                await _play(transcript, Path(folder))
        except TimeoutError:
            _show_log(Path(folder))
            raise DemoError(
                f"the demo did not end within {TIME_LIMIT:g} seconds",
                next_step="Try again when this machine is less busy; `whatsapp-mcp doctor` looks for problems.",
            ) from None
        except BaseException:
            _show_log(Path(folder))
            raise
    transcript.done()


def _show_log(folder: Path) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write((folder / LOG_NAME).read_text(encoding="utf-8", errors="replace"))


def run_demo() -> None:
    """Play the demo on stdout. Raises SetupError (with the cause) when it cannot be played to its end."""
    if not HAS_SIMULATOR:
        raise DemoError(
            "the demo needs Linux: elsewhere the WhatsApp library asks the system which certificates to trust",
            next_step="Run it in a Linux container, or link a real account with `whatsapp-mcp stdio`.",
        )
    try:
        anyio.run(play, Transcript(Console(highlight=False)))
    except BaseExceptionGroup as group:  # the SDK's task groups wrap what happened inside
        raise _first(group) from group


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
