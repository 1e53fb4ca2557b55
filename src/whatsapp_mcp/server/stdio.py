"""MCP over stdin and stdout, clean in every ending: EOF, SIGINT, SIGTERM, a host that vanished.

Differs from the SDK's own stdio transport in what hosts run into: no worker threads, signals end it and the lifespan
runs to its end, requests that are being answered at EOF get their answers, a line that is no message gets an error
answer, and a client may probe with ``server/discover`` and then fall back to ``initialize``.
"""

from __future__ import annotations

import codecs
import contextlib
import json
import logging
from typing import Any, Final

import anyio
import mcp.types as types
from mcp.server.lowlevel import Server

from whatsapp_mcp.descriptors import Descriptors
from whatsapp_mcp.server.lines import MAX_LINE, Lines, OversizedLine, open_lines
from whatsapp_mcp.server.sdk_private import (
    ContextReceiveStream,
    ContextSendStream,
    SessionMessage,
    create_context_streams,
    serve_dual_era_loop,
)
from whatsapp_mcp.server.signals import on_stop_signals

logger = logging.getLogger(__name__)

EOF_GRACE: Final = 1.5
"""Seconds that requests under way at EOF have for their answers; hosts send SIGTERM about 2 s after closing stdin."""

LIFESPAN_GRACE: Final = 10.0
"""Seconds the lifespan has for its end; the session below drains for at most 5."""


async def serve_stdio(server: Server[Any], descriptors: Descriptors, *, max_line: int = MAX_LINE) -> None:
    """Serve one client over ``descriptors`` (what ``claim_stdio`` returned) until EOF, SIGINT or SIGTERM.

    Returns normally in each of these cases, after the end of the server's lifespan, which gets at most
    ``LIFESPAN_GRACE`` seconds and is cut off by a second signal. ``max_line`` is in bytes. Must run in the main
    thread, on asyncio.
    """
    conversation = anyio.CancelScope()
    with anyio.CancelScope() as everything, on_stop_signals(conversation.cancel, everything.cancel):
        async with server.lifespan(server) as state:
            with conversation:
                async with open_lines(descriptors, limit=max_line) as lines:
                    await _Conversation(server, lines, state).run()
            everything.deadline = anyio.current_time() + LIFESPAN_GRACE
    if everything.cancelled_caught:
        logger.warning("the orderly stop was cut off")


class _Conversation:
    """Messages between the lines of one client and the SDK's loop.

    The SDK takes the protocol era from the first request. A client that asks ``server/discover`` first and then sends
    ``initialize`` (hosts do: github/copilot-cli#4525) would be refused, so as long as nothing but ``server/discover``
    was asked, ``initialize`` begins a new loop on the same lines.
    """

    def __init__(self, server: Server[Any], lines: Lines, state: Any) -> None:
        self._server = server
        self._lines = lines
        self._state = state
        self._unanswered: set[types.RequestId] = set()
        self._answered = anyio.Event()
        self._carried: SessionMessage | None = None

    async def run(self) -> None:
        await self._serve_era()
        while self._carried is not None:
            await self._serve_era()

    async def _serve_era(self) -> None:
        to_server, from_client = create_context_streams[SessionMessage | Exception](0)
        to_client, from_server = create_context_streams[SessionMessage](0)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._outbound, from_server, tasks.cancel_scope)
            tasks.start_soon(self._inbound, to_server)
            await serve_dual_era_loop(
                self._server,
                from_client,
                to_client,
                lifespan_state=self._state,
                init_options=self._server.create_initialization_options(),
            )

    async def _inbound(self, to_server: ContextSendStream[SessionMessage | Exception]) -> None:
        """Pass messages on until EOF, or until ``initialize`` asks for a new era."""
        message, self._carried = self._carried, None
        probing: bool | None = None  # True: there were requests, and all were server/discover
        async with to_server:
            while message := message or await self._next_message():
                if isinstance(message.message, types.JSONRPCRequest):
                    if message.message.method == "initialize" and probing:
                        await self._wait_for_answers()
                        self._carried = message
                        return
                    probing = message.message.method == "server/discover" and probing is not False
                self._keep_account(message.message)
                await to_server.send(message)
                message = None
            # Ending the loop now would cancel the handlers that still work.
            await self._wait_for_answers()

    async def _next_message(self) -> SessionMessage | None:
        """The next message of the client, or None when there will be no more; what is no message is answered here."""
        with contextlib.suppress(OSError):  # nobody is there to read answers
            while True:
                try:
                    line = await self._lines.read()
                except OversizedLine:
                    await self._lines.write(_refusal(types.INVALID_REQUEST, "the message is too long", None))
                    continue
                if line is None:
                    break
                line = line.removeprefix(codecs.BOM_UTF8)  # PowerShell begins a pipe with it
                if not line.strip():
                    continue
                try:
                    return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
                except ValueError:
                    if (message := _with_half_characters(line)) is not None:
                        return SessionMessage(message)
                    await self._lines.write(_why_not(line))
        return None

    def _keep_account(self, message: types.JSONRPCMessage) -> None:
        """Remember what has to be answered; a cancelled request never is, and a subscription has no end of its own."""
        if isinstance(message, types.JSONRPCRequest) and message.method != "subscriptions/listen":
            self._unanswered.add(message.id)
        elif isinstance(message, types.JSONRPCNotification) and message.method == "notifications/cancelled":
            self._cross_off((message.params or {}).get("requestId"))

    def _cross_off(self, request_id: object) -> None:
        if isinstance(request_id, str | int):
            self._unanswered.discard(request_id)
        self._answered.set()

    async def _wait_for_answers(self) -> None:
        with anyio.move_on_after(EOF_GRACE):
            while self._unanswered:
                self._answered = anyio.Event()
                await self._answered.wait()

    async def _outbound(self, from_server: ContextReceiveStream[SessionMessage], era: anyio.CancelScope) -> None:
        """Write what the server says until it ends; ends everything when the client no longer reads."""
        async with from_server:
            async for item in from_server:
                try:
                    await self._lines.write(_encoded(item.message))
                except OSError as error:
                    logger.info("the client stopped reading: %s", error)
                    era.cancel()
                    return
                if isinstance(item.message, types.JSONRPCResponse | types.JSONRPCError):
                    self._cross_off(item.message.id)


def _encoded(message: types.JSONRPCMessage) -> bytes:
    try:
        return message.model_dump_json(by_alias=True, exclude_unset=True).encode()
    except ValueError:  # a lone surrogate that came in with the arguments, for example in an id
        logger.exception("a message cannot be written as JSON")
        request_id = message.id if isinstance(message, types.JSONRPCResponse) else None
        return _refusal(types.INTERNAL_ERROR, "the answer cannot be written as JSON", request_id)


def _with_half_characters(line: bytes) -> types.JSONRPCMessage | None:
    """A message in which half of a surrogate pair stands (``\\ud83d``): so JavaScript writes a text that was cut in the
    middle of an emoji. Whoever gets it says which argument that is."""
    if b"\\ud" not in line.lower():
        return None
    try:
        return types.jsonrpc_message_adapter.validate_python(json.loads(line), by_name=False)
    except (ValueError, RecursionError):
        return None


def _why_not(line: bytes) -> bytes:
    """The error answer to a line that is no JSON-RPC message; under its id where it has one."""
    try:
        content = json.loads(line.decode("utf-8", "replace"))  # somebody waits also where a text in it is not UTF-8
    except (ValueError, RecursionError):
        return _refusal(types.PARSE_ERROR, "the line is not JSON", None)
    request_id = content.get("id") if isinstance(content, dict) and "method" in content else None
    usable = isinstance(request_id, str | int) and not isinstance(request_id, bool)
    return _refusal(types.INVALID_REQUEST, "the line is not a JSON-RPC message", request_id if usable else None)


def _refusal(code: int, message: str, request_id: types.RequestId | None) -> bytes:
    error = {"code": code, "message": message}
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error}).encode()
