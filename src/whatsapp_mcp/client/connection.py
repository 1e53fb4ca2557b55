"""A connection to a server: its tools as calls, and the messages that come."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, TextIO, TypedDict, Unpack, cast

import httpx2
from mcp import Client
from mcp.client import ClientRequestContext, Transport
from mcp.client.session import ElicitationFnT
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, ElicitRequestParams, ElicitResult, RequestParamsMeta, TextContent

from whatsapp_mcp.client.messages import IncomingMessage, SentText
from whatsapp_mcp.client.rows import complete

Confirm = Callable[[str], Awaitable[bool]]
"""Asks the owner the server's question, a text of some lines, and returns whether they agree."""

CHAT: Final = "whatsapp-web-mcp/chat"
"""In ``_meta`` of a call: the chat from which alone it follows; the server's `server/callers`."""
LONGEST_WAIT: Final = 45
"""Seconds that one waiting call may take; who waits longer calls again, with the same position."""
ANSWERED: Final = 90.0
"""Seconds after which a call, or a request over HTTP, is given up: the server answers each call before 50."""
ASKED: Final = 700.0
"""The same where the owner may be asked during a call: `answer_within` of the policy is at most 600."""


class CallError(Exception):
    """A tool did not do what it was called for."""

    def __init__(self, tool: str, body: Mapping[str, Any]) -> None:
        super().__init__(f"{tool}: {body.get('message')} {body.get('next_step') or ''}".rstrip())
        self.tool = tool
        self.code = str(body.get("code", ""))
        """What kind of error: docs/results.md."""
        self.next_step = str(body.get("next_step") or "")
        self.body = dict(body)
        """Everything that the server said; ``details`` among it."""

    @property
    def retry_after(self) -> float | None:
        """Seconds until there is room, where a limit was reached (``rate_limited``); nothing was done then."""
        seconds = (self.body.get("details") or {}).get("retry_after_seconds")
        return None if seconds is None else float(seconds)


class WhatsApp:
    """The account, as the tools of a server show it. Made by :func:`connect` and :func:`connect_http`.

    It keeps a position in what arrives, from :meth:`link` or the first call that sends or waits on, so that nothing
    that comes between two calls is missed.
    """

    def __init__(self, client: Client, *, _chat: str | None = None, _whole: WhatsApp | None = None) -> None:
        self.client = client
        """The MCP client, for what this class has no word for."""
        self._meta = cast(RequestParamsMeta, {CHAT: _chat}) if _chat is not None else None
        self._whole = _whole
        self._position: str | None = None

    async def call(self, tool: str, **arguments: Any) -> Any:
        """``results`` of a tool, with complete rows; arguments that are None are left out.

        Raises:
            CallError: the tool failed, or the server refused it.
        """
        return (await self.answer(tool, **arguments)).get("results")

    async def answer(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """The whole answer of a tool: ``message``, ``results`` and, where there is more, ``next_cursor``.

        Raises:
            CallError: as for :meth:`call`.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        body = _body(await self.client.call_tool(tool, given, meta=self._meta), tool)
        return body | {"results": complete(body.get("results"))}

    async def rows(self, tool: str, **arguments: Any) -> AsyncIterator[dict[str, Any]]:
        """All rows of a tool that answers in pages, with complete rows, page by page.

        Raises:
            CallError: as for :meth:`call`.
        """
        while True:
            page = await self.answer(tool, **arguments)
            for row in (page["results"] or {}).get("data", []):
                yield row
            # Most lists go on by cursor; those without one that did not fit, by offset.
            if "next_cursor" in page:
                arguments["cursor"] = page["next_cursor"]
            elif "next_offset" in page:
                arguments["offset"] = page["next_offset"]
            else:
                return

    async def link(self, show: Callable[[str], Awaitable[object]] | None = None) -> bool:
        """Make sure that an account is linked; whether it was not before.

        ``show`` gets the text of the QR code, for a person (or a simulated phone) to scan. Without it, a simulator that
        scans by itself is expected. Waits until somebody scanned it, as long as the server does for a call.

        Raises:
            CallError: nobody scanned it in time, or the server's state does not allow it.
        """
        login = await self.call("appLogin")
        shown = isinstance(login, dict) and "qr_text" in login
        if shown and show is not None:
            await show(login["qr_text"])
        await self.position()
        return shown

    async def position(self) -> str:
        """Where this client is in what arrives."""
        if self._position is None and self._whole is not None:
            self._position = await self._whole.position()
        elif self._position is None:
            self._position = str((await self.call("waitForMessage", timeout=0))["cursor"])
        return self._position

    def within(self, chat_jid: str) -> WhatsApp:
        """The same account, for what follows from this chat alone.

        The server's policy then counts what was read in this chat, and not what the program read in others: an answer
        to Bruno is not held up because Ana wrote before. Call it so only with what your program, or the language model
        that it asks, made of this chat's messages. To other chats it is as guarded as ever.
        """
        return WhatsApp(self.client, _chat=chat_jid, _whole=self)

    async def reply(self, to: IncomingMessage, text: str, *, idempotency_key: str | None = None) -> SentText:
        """Answer a message in its chat, quoting it, :meth:`within` that chat.

        Raises:
            CallError: as for :meth:`send`.
        """
        chat = self.within(to.chat_jid)
        return await chat.send(to.chat_jid, text, reply_to=to, idempotency_key=idempotency_key)

    async def send(
        self, to: str, text: str, *, reply_to: IncomingMessage | str | None = None, idempotency_key: str | None = None
    ) -> SentText:
        """Send a text to a number, JID or exact name, perhaps as a reply.

        With an ``idempotency_key``, calling again after an error or a crash sends it at most once.

        Raises:
            CallError: it was not sent; or nobody knows whether it was (``outcome_unknown``).
        """
        await self.position()
        quoted = reply_to.message_id if isinstance(reply_to, IncomingMessage) else reply_to
        results = await self.call(
            "sendMessage", phone=to, message=text, reply_message_id=quoted, idempotency_key=idempotency_key
        )
        return SentText(results["message_id"], results["chat_jid"], bool(results.get("repeated")))

    async def next_message(self, chat: str | None = None, *, timeout: int = LONGEST_WAIT) -> IncomingMessage | None:
        """The next message that somebody wrote, or None after ``timeout`` seconds (at most 45).

        With ``chat``, messages of other chats that come meanwhile are passed over.
        """
        waited = await self.call("waitForMessage", phone=chat, cursor=await self.position(), timeout=timeout)
        self._position = str(waited["cursor"])
        return None if waited.get("timed_out") else IncomingMessage.from_row(waited["message"])

    async def messages(self, chat: str | None = None) -> AsyncIterator[IncomingMessage]:
        """Every message that comes from now on, each once, for ever."""
        while True:
            message = await self.next_message(chat)
            if message is not None:
                yield message

    async def events(self, *kinds: str, chat: str | None = None) -> AsyncIterator[dict[str, Any]]:
        """Everything that happens (``waitForEvent``), or only these kinds, as complete rows, for ever.

        It begins at :meth:`position` and goes on by itself: messages that it yields come by :meth:`messages` too.
        """
        position = await self.position()
        while True:
            happened = await self.answer(
                "waitForEvent", kinds=list(kinds) or None, phone=chat, cursor=position, timeout=LONGEST_WAIT
            )
            position = happened["next_cursor"]
            for row in (happened["results"] or {}).get("data", []):
                yield row


class ServerOptions(TypedDict, total=False):
    """How a server of one's own is started: docs/programs.md."""

    data_dir: Path | str | None
    """Where the data is. Default: `WHATSAPP_MCP_DATA_DIR`, or the user's folder for data."""
    account: str | None
    """Which of several accounts. Default: `default`."""
    toolsets: str
    """Which tools. Default: ``all``."""
    simulated: bool
    """On a simulated WhatsApp, whose phone scans the QR code by itself. Default: not."""
    settings: Mapping[str, str]
    """Variables (``WHATSAPP_MCP_…``), over those of this process."""
    confirm: Confirm | None
    """Asked where the policy wants the owner's yes; without it, such calls fail with ``confirmation_needed``."""
    log: TextIO | None
    """What the server says on stderr; a file. Default: this process' stderr."""


@asynccontextmanager
async def connect(**options: Unpack[ServerOptions]) -> AsyncIterator[WhatsApp]:
    """Start a server for this program over stdio. It ends with the block; other servers of the account run on."""
    async with _entered(own_server(**options)) as whatsapp:
        yield whatsapp


def own_server(**options: Unpack[ServerOptions]) -> Client:
    """The MCP client of a server that starts when the client is entered."""
    arguments = ["-m", "whatsapp_mcp", "stdio", "--toolsets", options.get("toolsets", "all")]
    for option in ("data_dir", "account"):
        if (value := options.get(option)) is not None:
            arguments += [f"--{option.replace('_', '-')}", str(value)]
    if options.get("simulated"):
        arguments.append("--simulated")
    server = StdioServerParameters(
        command=sys.executable, args=arguments, env=server_environment(options.get("settings"))
    )
    transport = stdio_client(server, errlog=options.get("log") or sys.stderr)
    return _client(transport, options.get("confirm"))


@asynccontextmanager
async def connect_http(url: str, token: str, *, confirm: Confirm | None = None) -> AsyncIterator[WhatsApp]:
    """Use a running ``whatsapp-mcp serve``: its URL (``http://127.0.0.1:8765/mcp``) and a token of it."""
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(headers=headers, timeout=ANSWERED) as web:
        transport = streamable_http_client(url, http_client=web)
        async with _entered(_client(transport, confirm)) as whatsapp:
            yield whatsapp


def _client(transport: Transport, confirm: Confirm | None) -> Client:
    seconds = ANSWERED if confirm is None else ASKED
    return Client(transport, elicitation_callback=_asking(confirm), read_timeout_seconds=seconds)


@asynccontextmanager
async def _entered(client: Client) -> AsyncIterator[WhatsApp]:
    """What goes wrong inside is raised as it is: the client's task groups would wrap it in groups of exceptions."""
    failure: Exception | None = None
    async with client:
        try:
            yield WhatsApp(client)
        except Exception as error:
            failure = error
    if failure is not None:
        raise failure


def server_environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a server is started with: all of this process' variables, and ``settings`` over them.

    The SDK's default hands a server a short list of variables only, without WHATSAPP_MCP_…: a test that sets an
    endpoint there would reach the real service.
    """
    return {**os.environ, **(settings or {})}


def _body(result: CallToolResult, tool: str) -> dict[str, Any]:
    """The JSON of a result; a picture's comes without structured content."""
    text = next((block.text for block in result.content if isinstance(block, TextContent)), "{}")
    body: dict[str, Any] = result.structured_content or json.loads(text)
    if result.is_error:
        raise CallError(tool, json.loads(text))
    return body


def _asking(confirm: Confirm | None) -> ElicitationFnT | None:
    if confirm is None:
        return None

    async def ask(context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        agreed = await confirm(params.message)
        return ElicitResult(action="accept" if agreed else "decline")

    return ask
