"""Who makes a call over MCP: the token, the host program, and the conversation."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from whatsapp_mcp.jid import Jid
from whatsapp_mcp.policy.caller import Caller, Grant, Scope, cannot_ask
from whatsapp_mcp.policy.scopes import at_most
from whatsapp_mcp.policy.taint import Conversations
from whatsapp_mcp.server.asking import ROUNDS_SINCE, Questions
from whatsapp_mcp.server.client_roots import ClientRoots
from whatsapp_mcp.server.host_limits import patience_of
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.untrusted_text import clean

_HOST_LENGTH: Final = 80
_SESSION: Final = "mcp-session-id"
CHAT: Final = "whatsapp-web-mcp/chat"
"""In ``_meta`` of a call: the JID of the chat from which alone it follows. It is the program that says so, never its
model, and a program could as well agree in its owner's name (``server/asking``): it is believed."""


class Callers:
    """Of one server."""

    def __init__(self, settings: Settings) -> None:
        self._conversations = Conversations()
        self._questions = Questions()
        self.roots = ClientRoots(allowed=settings.client_roots)
        self._scope: Scope = settings.scope
        self._local = Grant(scope=settings.scope)
        self._host_process = _host_process()

    def grant(self, ctx: ServerRequestContext[Any]) -> Grant:
        """What the caller was given, which is never more than this server gives to anybody."""
        if ctx.request is None:
            return self._local
        from whatsapp_mcp.server.auth import grant_of_request  # a server on stdio never needs it

        return at_most(grant_of_request(ctx.request.scope), self._scope)

    def of(self, ctx: ServerRequestContext[Any], params: types.CallToolRequestParams | None = None) -> Caller:
        """``params``: of the call of a tool, about which the owner can be asked."""
        grant, session, local = self.grant(ctx), _session(ctx), ctx.request is None
        mark = self._host_process if local else f"http {grant.name} {session}"
        client = ctx.session.client_params
        conversation, chat = self._conversations.of(grant.name, session, mark), _chat(ctx)
        return Caller(
            grant=grant,
            transport="stdio" if local else "http",
            host=_shown(client.client_info.name, client.client_info.version) if client is not None else "",
            client=_shown(client.client_info.name, "") if client is not None else "",
            conversation=conversation if chat is None else conversation.within(chat),
            ask=self._questions.asking(ctx, params) if params is not None else cannot_ask,
            roots=self.roots.of(ctx, params),
            patience=patience_of(client, listens="progress_token" in (ctx.meta or {})),
        )


def _host_process() -> str:
    """The program that started this server, so that a server that it starts anew goes on with the conversation.

    Where it has gone, or cannot be seen from within a container, or is but a launcher, every server is on its own.
    """
    parent = os.getppid()
    return f"stdio {socket.gethostname()} {parent if parent > 1 else f'server {os.getpid()}'}"


def _session(ctx: ServerRequestContext[Any]) -> str:
    """Where the protocol has sessions, the one of this call; what a client says of sessions elsewhere counts nothing:
    it could say another at each call."""
    if ctx.protocol_version >= ROUNDS_SINCE or ctx.request is None:
        return ""
    return str(ctx.request.headers.get(_SESSION, ""))


def _chat(ctx: ServerRequestContext[Any]) -> Jid | None:
    said = dict(ctx.meta or {}).get(CHAT)
    if said is None:
        return None
    with suppress(ValueError):
        chat = Jid.parse(str(said)).bare
        if chat.user:
            return chat
    raise MCPError(types.INVALID_PARAMS, f"_meta {CHAT}: expected the JID of a chat, as results name it")


@lru_cache(64)
def _shown(name: str, version: str) -> str:
    return " ".join(clean(f"{name} {version}", _HOST_LENGTH).split())
