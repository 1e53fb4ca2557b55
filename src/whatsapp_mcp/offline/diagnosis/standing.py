"""How an account stands in one word, whether that is well, and what to do if not: for `status` and its exit code."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict

from whatsapp_mcp.errors import ClientOutdated, WhatsAppMcpError
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.offline.diagnosis.session_process import SessionProcessStatus
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.supervisor.decision import at_rest

UNUSED: Final = "unused"
"""Linked, and nothing is known against it; no server uses it, so that it is not connected."""
UNKNOWN: Final = "unknown"

LINK: Final = "Run `whatsapp-mcp login`, or call appLogin from an MCP host, and scan the code."
AGAIN: Final = "run `whatsapp-mcp reconnect`, or call appReconnect from an MCP host"
STATES: Final = {
    SessionState.UNPAIRED: ("no account is linked", LINK),
    SessionState.LOGGED_OUT: ("the account was logged out", LINK),
    SessionState.REPLACED: (
        "another program logged in as this linked device",
        f"Find the copy of this data directory that is in use and end it; then {AGAIN}.",
    ),
    SessionState.OUTDATED: ("WhatsApp refuses this client as too old", ClientOutdated.next_step),
    SessionState.BANNED: (
        "WhatsApp has banned the account for a time",
        "Look at the phone; write less, to fewer people. A server that runs connects by itself when the ban ends.",
    ),
    SessionState.RECONNECTING: (
        "it is not connected",
        "Check the internet connection; a server that runs tries again by itself.",
    ),
    SessionState.STOPPED: ("it cannot be served", f"Mend that, then {AGAIN}."),
}
"""Of a session that is not as it should be: what happened, and what to do."""
_TOLD_BY_DETAIL: Final = frozenset({SessionState.REPLACED, SessionState.OUTDATED, SessionState.BANNED})
"""Their detail says the same, and more."""


class StandingReport(BaseModel):
    model_config = ConfigDict(frozen=True)

    state: str
    """Of ``SessionState``; or ``unused``, ``unknown``."""
    well: bool
    """Connected, about to be, or it would be as soon as a server uses it."""
    message: str = ""
    next_step: str | None = None


def standing_of(settings: Settings, process: SessionProcessStatus, now: datetime) -> StandingReport:
    """By the session process; where none runs, by what the last one left."""
    if process.running:
        if not process.answers:
            doctor = "`whatsapp-mcp doctor` says what to do."
            return StandingReport(state=UNKNOWN, well=False, message="its process does not answer", next_step=doctor)
        if process.state is None:
            return StandingReport(state=UNKNOWN, well=True)
        return _in(process.state, process.detail)
    try:
        state, detail = at_rest(settings, now)
    except (WhatsAppMcpError, OSError) as error:
        step = error.next_step if isinstance(error, WhatsAppMcpError) else "Run this command as the server's user."
        said = error.message if isinstance(error, WhatsAppMcpError) else f"it cannot be read: {error.strerror}"
        return StandingReport(state=UNKNOWN, well=False, message=said, next_step=step)
    return _in(state, detail) if state is not None else StandingReport(state=UNUSED, well=True)


def _in(state: SessionState, detail: str) -> StandingReport:
    if state not in STATES:
        return StandingReport(state=state.value, well=True, message=detail)
    happened, step = told(state, detail)
    return StandingReport(state=state.value, well=False, message=happened, next_step=step)


def told(state: SessionState, detail: str) -> tuple[str, str]:
    """What happened, and what to do, of a state in ``STATES``."""
    happened, step = STATES[state]
    if not detail:
        return happened, step
    return detail if state in _TOLD_BY_DETAIL else f"{happened}: {detail}", step
