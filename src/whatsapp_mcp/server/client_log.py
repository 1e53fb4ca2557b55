"""What the server tells a client's log: sentences of ours on calls and on the connection, from the level on that the
client asked for. Nothing that anybody wrote, no address and no secret is among them.

Up to revision 2025-11-25 a client sets a level for its connection (``logging/setLevel``), and hears nothing before;
since then it names one with each request, and hears of that request alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

import mcp.types as types
from mcp.server.context import ServerRequestContext
from mcp.server.session import ServerSession

from whatsapp_mcp.errors import WhatsAppMcpError
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.policy.passage import Passage
from whatsapp_mcp.server.asking import ROUNDS_SINCE
from whatsapp_mcp.server.audience import Audience, patiently
from whatsapp_mcp.server.calls import sentence_on
from whatsapp_mcp.server.sdk_private import connection_of

_LEVELS: Final[tuple[types.LoggingLevel, ...]] = get_args(types.LoggingLevel)
"""From the least severe on."""
_OF_CONNECTION: Final = "whatsapp_mcp.log_level"
_OF_REQUEST: Final = "io.modelcontextprotocol/logLevel"
CALLS: Final = "whatsapp.calls"
SESSION: Final = "whatsapp.session"
POLICY: Final = "whatsapp.policy"

_STATES: Final[Mapping[SessionState, tuple[types.LoggingLevel, str]]] = {
    SessionState.STARTING: ("debug", "The WhatsApp session starts."),
    SessionState.UNPAIRED: ("notice", "No WhatsApp account is linked."),
    SessionState.PAIRING: ("info", "An account is being linked: the code waits for the phone."),
    SessionState.CONNECTING: ("debug", "Connecting to WhatsApp."),
    SessionState.CONNECTED: ("info", "Connected to WhatsApp."),
    SessionState.RECONNECTING: ("warning", "The connection to WhatsApp is made again."),
    SessionState.LOGGED_OUT: ("error", "WhatsApp logged this device out; it has to be linked again."),
    SessionState.REPLACED: ("error", "The session was replaced: the same device connected elsewhere."),
    SessionState.OUTDATED: ("error", "WhatsApp refuses this version of the client; update whatsapp-web-mcp."),
    SessionState.BANNED: ("critical", "WhatsApp banned the account for a time."),
    SessionState.STOPPED: ("error", "The WhatsApp session has stopped."),
}


class ClientLog:
    """Of one server."""

    def __init__(self, audience: Audience) -> None:
        self._audience = audience

    async def set_level(self, ctx: ServerRequestContext[Any], params: types.SetLevelRequestParams) -> types.EmptyResult:
        connection_of(ctx.session).state[_OF_CONNECTION] = params.level
        return types.EmptyResult()

    async def call_ended(self, ctx: ServerRequestContext[Any], passage: Passage) -> None:
        wanted = _wanted_with(ctx)
        if wanted is None:
            return
        level, sentence = _level_of(passage), sentence_on(passage)
        if _LEVELS.index(level) >= _LEVELS.index(wanted):
            notification = _message(level, CALLS, sentence)
            await patiently(lambda session: session.send_notification(notification, ctx.request_id), ctx.session)

    async def session_is(self, state: SessionState) -> None:
        level, sentence = _STATES[state]
        await self._tell(level, SESSION, sentence)

    async def policy_is_wrong(self) -> None:
        await self._tell("error", POLICY, "policy.toml cannot be used; `whatsapp-mcp policy check` says why.")

    async def _tell(self, level: types.LoggingLevel, logger: str, sentence: str) -> None:
        """All who asked for this level."""
        notification = _message(level, logger, sentence)

        async def tell(session: ServerSession) -> None:
            wanted = connection_of(session).state.get(_OF_CONNECTION)
            if wanted in _LEVELS and _LEVELS.index(level) >= _LEVELS.index(wanted):
                await session.send_notification(notification)

        await self._audience.tell_each(tell)


def _wanted_with(ctx: ServerRequestContext[Any]) -> types.LoggingLevel | None:
    """The level from which on the sender of a request wants to hear of it; None: of nothing."""
    if ctx.protocol_version >= ROUNDS_SINCE:
        wanted = dict(ctx.meta or {}).get(_OF_REQUEST)
    else:
        wanted = connection_of(ctx.session).state.get(_OF_CONNECTION)
    return next((level for level in _LEVELS if level == wanted), None)


def _level_of(passage: Passage) -> types.LoggingLevel:
    if passage.error is None:
        return "debug"
    return "error" if passage.error == WhatsAppMcpError.code else "warning"


def _message(level: types.LoggingLevel, logger: str, sentence: str) -> types.LoggingMessageNotification:
    return types.LoggingMessageNotification(
        params=types.LoggingMessageNotificationParams(level=level, logger=logger, data=sentence)
    )
