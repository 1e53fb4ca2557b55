"""Checks of the session process, the lock and the endpoint of an account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from whatsapp_mcp import __version__
from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.offline.diagnosis.checks import Check, ok, problem, warning
from whatsapp_mcp.offline.diagnosis.report import LockStatus, lock_status
from whatsapp_mcp.offline.diagnosis.session_process import LastEnd, SessionProcessStatus, session_process_status
from whatsapp_mcp.offline.diagnosis.standing import AGAIN, STATES, told
from whatsapp_mcp.settings import Settings

_ENDS: Final = {
    "logged_out": SessionState.LOGGED_OUT,
    "replaced": SessionState.REPLACED,
    "outdated": SessionState.OUTDATED,
    "banned": SessionState.BANNED,
}
_BROKEN: Final = frozenset({"setup_error", "store_error", "store_unusable"})
_TROUBLE: Final = frozenset({"crashed", "pump_died"})


def check_session_process(settings: Settings, at: datetime) -> Iterator[Check]:
    """Who serves the account, and if nobody does, whether that is as it should be."""
    process = session_process_status(settings)
    lock = lock_status(settings.lock_path)
    if lock.held is None:
        yield problem("lock", lock.problem or "the lock cannot be read", "Run this command as the server's user.")
    if process.running:
        yield _running(process)
    else:
        yield _not_running(settings, process, lock)
        if process.last_end is not None and not lock.held:
            yield _ended(settings, process.last_end, at)
    if process.endpoint is not None and process.endpoint.parent != settings.account_dir:
        yield ok("endpoint-file", f"{process.endpoint}: the path of the account's folder is too long for a socket")


def _running(process: SessionProcessStatus) -> Check:
    who = f"session process {process.pid}"
    if not process.answers:
        return problem(
            "session-process",
            f"{who} listens and does not answer",
            f"Look again in 30 seconds. If it is the same then, end process {process.pid}; the next starts by itself.",
        )
    if process.refused == "ending":
        return ok("session-process", f"{who} is ending")
    if process.refused is not None:
        return warning(
            "session-process",
            f"{who} is of version {process.version}, this is {__version__}",
            "Restart the MCP hosts, so that all use the version that is installed.",
        )
    servers = f"{len(process.clients)} server" + ("s" if len(process.clients) != 1 else "")
    said = f"{who} since {process.started:%Y-%m-%d %H:%M} UTC" if process.started else who
    because = f": {process.detail}" if process.detail else ""
    if process.state is SessionState.CONNECTING:
        again = "Look again in half a minute, or let `whatsapp-mcp doctor --connect` wait for it."
        return warning("session-process", f"{said} is connecting{because}", again)
    if process.state in STATES:
        happened, step = told(process.state, process.detail)
        return problem("session-process", f"{said} is {process.state.value}: {happened}", step)
    state = f", {process.state.value}" if process.state else ""
    return ok("session-process", f"{said}{state}; {servers} attached")


def _not_running(settings: Settings, process: SessionProcessStatus, lock: LockStatus) -> Check:
    if lock.held:
        holder = f"process {lock.pid}" if lock.pid is not None else "a process that it does not name"
        if lock.alive is False:
            holder = f"a process that {holder} had started, which is gone"
        return warning(
            "session-process",
            f"nobody listens, and the lock is held by {holder}: a session process that starts or ends, or hangs",
            "Look again in 30 seconds. If it is the same then, end that process"
            + (
                f" ({lock.pid})."
                if lock.pid is not None and lock.alive is not False
                else f"; see {settings.session_log}."
            ),
        )
    left = f"; {process.endpoint.name} was left by one that was killed, and is replaced" if process.endpoint else ""
    return ok("session-process", f"none runs{left}")


def _ended(settings: Settings, last: LastEnd, at: datetime) -> Check:
    """What the end of the last session process means for the next."""
    name = "last-session"
    when = f" on {last.at:%Y-%m-%d %H:%M} UTC" if last.at else ""
    because = f" ({last.detail})" if last.detail else ""
    if last.until is not None and last.until <= at:
        return ok(name, f"ended{when}: banned, which is over")
    if (state := _ENDS.get(last.reason)) is not None:
        happened, step = told(state, last.detail)
        return problem(name, f"ended{when}, {state.value}: {happened}", step)
    if last.reason == "connect_failed":
        again = (
            "Check the internet connection. A server that runs tries again by itself; `whatsapp-mcp doctor --connect` "
            "tries now."
        )
        return problem(name, f"ended{when}: it could not connect{because}", again)
    if last.reason in _BROKEN:
        return problem(name, f"ended{when}: {last.detail or last.reason}", f"Mend that, then {AGAIN}.")
    if last.reason in _TROUBLE:
        said = (
            f"process {last.pid} did not end in order"
            if last.reason == "crashed"
            else f"ended{when}: {last.reason}{because}"
        )
        return warning(
            name,
            said,
            f"Nothing has to be done: the next server starts the session anew. {settings.session_log} says more.",
        )
    return ok(name, f"ended in order{when}")
