"""Runs operations by name: what the MCP face calls."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Final

import anyio.to_thread

from whatsapp_mcp.catalog.operation import Operation
from whatsapp_mcp.errors import (
    AmbiguousRecipient,
    InvalidArgument,
    NotAllowed,
    NotConnected,
    NotFound,
    NotLoggedIn,
    SessionTimeout,
    WhatsAppMcpError,
)
from whatsapp_mcp.operations.described import described, digest_of
from whatsapp_mcp.operations.hearing import names_in
from whatsapp_mcp.operations.outcome import Arguments, Outcome, Watched
from whatsapp_mcp.operations.registry import IDEMPOTENCY_KEY, REGISTERED, Handler
from whatsapp_mcp.operations.services import Services
from whatsapp_mcp.operations.targets import canonical
from whatsapp_mcp.policy.call import Call
from whatsapp_mcp.policy.caller import Caller
from whatsapp_mcp.policy.gate import Gate
from whatsapp_mcp.policy.limits import Uses
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.policy.rules import Rules
from whatsapp_mcp.policy.taint import ANYBODY

_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "app": ("app",),
    "user": ("user",),
    "send": ("send", "send_media", "send_later"),
    "message": ("message", "message_media", "message_status", "message_transcript"),
    "chat": ("chat", "chat_arrivals", "chat_news", "chat_state", "chat_events"),
    "group": ("group", "group_members"),
    "newsletter": ("newsletter",),
}
"""Tag -> the modules of its handlers, the light ones first. Each is loaded when it is first needed: a server has to
answer `initialize` before anything else, and what they all work with takes a tenth of the time that the SDK takes."""


def handlers() -> Mapping[str, Handler]:
    """All handlers by operationId."""
    for modules in _MODULES.values():
        for module in modules:
            importlib.import_module(f"whatsapp_mcp.operations.{module}")
    return MappingProxyType(REGISTERED)


async def _handler(operation: Operation) -> Handler:
    """Of one operation. What is to be imported first takes as long as many calls, which go on meanwhile."""
    if operation.name not in REGISTERED:
        await anyio.to_thread.run_sync(_import_handler, operation)
    return REGISTERED[operation.name]


def _import_handler(operation: Operation) -> None:
    """Importing a module registers its handlers."""
    for module in _MODULES[operation.tag]:
        if operation.name in REGISTERED:
            break
        importlib.import_module(f"whatsapp_mcp.operations.{module}")


async def _in_time(operation: Operation, handler: Handler, services: Services, arguments: Arguments) -> Outcome:
    """Its outcome, or that it takes longer than the client waits for an answer."""
    if services.until is None:
        return await handler(services, arguments)
    try:
        async with asyncio.timeout_at(services.until + GRACE) as limit:
            return await handler(services, arguments)
    except TimeoutError:
        if not limit.expired():
            raise
        waited = services.patience.answer_within or 0
        raise SessionTimeout(
            f"not done after {waited:.0f} seconds, as long as this client waits for an answer",
            next_step="Call again."
            if operation.effect == "read"
            else "Look whether it was done before you call again.",
        ) from None


GRACE: Final = 1.5
"""Seconds that a call has to say something better, when the time is over in which it should be answered."""
_DID_NOTHING: Final = (InvalidArgument, NotFound, AmbiguousRecipient, NotAllowed, NotLoggedIn, NotConnected)
"""Errors after which it is certain that nothing left, so that it does not count."""


class OperationRunner:
    """Implements :class:`~whatsapp_mcp.operations.outcome.Runner` with the registered handlers, behind the gate."""

    def __init__(self, services: Services, gate: Gate) -> None:
        self._services = services
        self._gate = gate

    async def run(self, passage: Passage, arguments: Arguments) -> Outcome:
        operation = passage.operation
        handler = partial(_in_time, operation, await _handler(operation))
        rules = await self._gate.beside_loop(partial(self._gate.enter, passage))
        services = self._within(rules, passage.caller)
        conversation = passage.caller.conversation
        if conversation.chat is not None:
            conversation.chat = await canonical(self._services, conversation.chat)
        if IDEMPOTENCY_KEY not in arguments:
            return await self._admitted(passage, rules, handler, services, arguments)
        from whatsapp_mcp.operations.idempotency import run_once

        admitted = partial(self._admitted, passage, rules, handler)
        return await run_once(operation.name, admitted, services, arguments)

    async def watch(self, passage: Passage, arguments: Arguments) -> Watched:
        from whatsapp_mcp.operations.watching import watch

        rules = await self._gate.beside_loop(partial(self._gate.enter, passage))
        services = self._within(rules, passage.caller)
        return await watch(services, passage.operation, arguments)

    def ended(self, passage: Passage) -> None:
        self._gate.ended(passage)

    def _within(self, rules: Rules, caller: Caller) -> Services:
        """What the handler of a call works with: chats that it may not read are not there."""
        readable = self._gate.readable(rules, caller.grant)
        store = self._services.store if readable is None else self._services.store.restricted(readable)
        seconds = caller.patience.answer_within
        until = None if seconds is None else asyncio.get_running_loop().time() + seconds
        return self._services.for_call(caller, store, until, hold_seconds=rules.hold_seconds)

    async def _admitted(
        self,
        passage: Passage,
        rules: Rules,
        handler: Handler,
        services: Services,
        arguments: Arguments,
    ) -> Outcome:
        """Carry it out when the gate lets it through."""
        try:
            # To look at what is here needs no leave: what may not be read is not there.
            if passage.operation.touches.act != "look":
                services = services.but(counting=partial(self._count_also, passage, rules))
                call = await described(services, passage.operation, arguments, rules)
                arguments = dict(call.arguments)
                services = services.but(addressed=call.addressed)
                if passage.operation.touches.later is not None:
                    services = services.but(grant=passage.caller.grant)
                handler = partial(self._unless_repeated, passage, rules, call, handler)
            outcome = await handler(services, arguments)
            if passage.call is not None and passage.call.failed:
                outcome = replace(outcome, failed=(*passage.call.failed, *outcome.failed))
        except WhatsAppMcpError as error:
            if isinstance(error, _DID_NOTHING):
                await self._gate.beside_loop(partial(self._gate.undone, passage))
            self._heard_of(passage, error)
            raise
        if outcome.untrusted:
            self._heard(passage, outcome)
        passage.ids = _ids(arguments, outcome)
        return outcome

    async def _count_also(self, passage: Passage, rules: Rules, uses: Uses) -> None:
        await self._gate.beside_loop(partial(self._gate.count_also, passage, rules, uses))

    async def _unless_repeated(
        self, passage: Passage, rules: Rules, call: Call, handler: Handler, services: Services, arguments: Arguments
    ) -> Outcome:
        """Carry it out when the gate lets it through; a send that was just made is told again, and passes no gate."""
        sends = IDEMPOTENCY_KEY in passage.operation.input_schema["properties"]
        if sends and services.send_key is None and services.settings.repeat_seconds:
            from whatsapp_mcp.operations.idempotency import key_of_call, told_again

            key, taken = await key_of_call(services, call, passage.caller)
            services = services.but(send_key=key)
            again = await told_again(services) if taken else None
            if again is not None:
                passage.call = call
                return again
        before = asyncio.get_running_loop().time()
        await self._gate.admit(passage, call, rules, partial(digest_of, services, call, passage.caller.grant.name))
        if services.until is not None:  # while a person thinks, the host waits
            services = services.but(until=services.until + asyncio.get_running_loop().time() - before)
        return await handler(services, arguments)

    def _heard(self, passage: Passage, outcome: Outcome) -> None:
        """The conversation now holds words of others."""
        conversation, touches, call = passage.caller.conversation, passage.operation.touches, passage.call
        chat = call.chat.jid if call is not None and call.chat is not None else None
        heard = names_in(outcome.results, chat)
        chats = heard.chats
        if touches.reads == "texts":
            chats |= frozenset((chat or ANYBODY,) if outcome.heard is None else outcome.heard)
            passage.heard = chats - {ANYBODY}
        conversation.has_read(chats)
        if heard.names and not touches.changes:
            conversation.has_listed()

    def _heard_of(self, passage: Passage, error: WhatsAppMcpError) -> None:
        """Candidates and near misses are names that others chose, and what WhatsApp said can hold their words."""
        call = passage.call
        heard = names_in(error.details, call.chat.jid if call is not None and call.chat is not None else None)
        passage.caller.conversation.has_read(heard.chats)
        if heard.names:
            passage.caller.conversation.has_listed()


def _ids(arguments: Arguments, outcome: Outcome) -> tuple[str, ...]:
    """Of the messages that a call was about, or made."""
    made = outcome.results.get("message_id") if isinstance(outcome.results, dict) else None
    given = arguments.get("message_id")
    found = (*(given if isinstance(given, list) else (given,)), arguments.get("reply_message_id"), made)
    return tuple(dict.fromkeys(each for each in found if isinstance(each, str)))
