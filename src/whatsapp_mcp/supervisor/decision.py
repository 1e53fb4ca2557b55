"""What to do about an account that no session process serves: by its ledger, by what is linked, by what is wanted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from whatsapp_mcp.models.session import SessionState
from whatsapp_mcp.pipe.ledger import ON_REQUEST, Ledger
from whatsapp_mcp.pipe.lines import Ended, EndReason
from whatsapp_mcp.session_db.database import linked_device, remove_session
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.choice import database_at

_STAYS_DOWN: Final[dict[EndReason, SessionState]] = {
    "logged_out": SessionState.LOGGED_OUT,
    "replaced": SessionState.REPLACED,
    "outdated": SessionState.OUTDATED,
    "banned": SessionState.BANNED,
    "setup_error": SessionState.STOPPED,
    "store_unusable": SessionState.STOPPED,
}
"""Ends after which nothing is started until somebody asks."""


_TRIED_AGAIN: Final[frozenset[EndReason]] = frozenset({"connect_failed", "store_error"})
"""What prevents the connection now, and may be over at the next try."""
_ON_ITS_WAY: Final = (
    "the account is on its way between files and database; end it with `whatsapp-mcp accounts move {account}` as it "
    "was begun"
)
_LOOK_AGAIN: Final = 60.0
"""Seconds. The clock by which the end of a ban is waited for stands still while the machine sleeps."""


@dataclass(slots=True)
class Wanted:
    """What this server wants of the next decision."""

    start: bool = True
    """Try, though the last process ended for a reason that stays: each server does so once, at its own start."""
    at_once: bool = False
    """Somebody asked for a new beginning: no pause either."""
    pairing: bool = False
    """Show codes, when no device is linked."""
    erase: bool = False
    """Delete the session."""
    erase_messages: bool = False
    """And the messages."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Start a process, or how things stand without one."""

    start: bool
    jid: str | None
    """Of the linked device; None: there is none, or it is none any more."""
    state: SessionState
    detail: str = ""
    whatsapp_said: str | None = None
    pause: float | None = None
    """Seconds after which it is to be decided anew; None: nothing is to be waited for."""


def decide(settings: Settings, wanted: Wanted, now: datetime) -> Decision:
    """Only for the holder of the account's lock; writes the ledger.

    Raises:
        StoreError: the session database cannot be read, or what is to be deleted cannot be.
        OSError: the ledger cannot be written.
    """
    ledger = _brought_up_to_date(settings, wanted, now)
    jid = linked_device(settings.keys)
    if jid is None and settings.moved_mark.exists():
        return Decision(False, None, SessionState.STOPPED, _ON_ITS_WAY.format(account=settings.account))
    ended = ledger.ended or Ended(reason="stopped")
    detail, said = ("", None) if ended.reason in ON_REQUEST else (ended.detail, ended.whatsapp_said)
    stays = _STAYS_DOWN.get(ended.reason)
    if jid is None:
        state = SessionState.PAIRING if wanted.pairing else stays or SessionState.UNPAIRED
        return Decision(wanted.pairing, jid, state, "" if wanted.pairing else detail, said)
    if stays is not None and ended.until is not None and not wanted.at_once:
        if (rest := (ended.until - now).total_seconds()) > 0:
            return Decision(False, jid, stays, detail, said, min(rest, _LOOK_AGAIN))
    elif stays is not None and not (wanted.start or wanted.at_once):
        return Decision(False, None if stays is SessionState.LOGGED_OUT else jid, stays, detail, said)
    pause = ledger.pause(now)
    if pause > 0 and not wanted.at_once:
        return Decision(False, jid, SessionState.RECONNECTING, detail, said, pause)
    return Decision(True, jid, SessionState.CONNECTING, detail, said)


def at_rest(settings: Settings, now: datetime) -> tuple[SessionState | None, str]:
    """How an account stands that no process serves, and why; None: the next server connects it. Only looks.

    Raises:
        StoreError: the session database cannot be read.
    """
    ended = Ledger.read(settings.ledger_path).ended
    stays = _STAYS_DOWN.get(ended.reason) if ended is not None else None
    detail = ended.detail if ended is not None else ""
    if linked_device(settings.keys) is None:
        logged_out = stays is SessionState.LOGGED_OUT
        return (SessionState.LOGGED_OUT, detail) if logged_out else (SessionState.UNPAIRED, "")
    if ended is None or ended.reason in ON_REQUEST:
        return None, ""
    if stays is not None:
        return (stays, detail) if ended.until is None or ended.until > now else (None, "")
    return (SessionState.RECONNECTING, detail) if ended.reason in _TRIED_AGAIN else (None, "")


def note_failed_start(settings: Settings, now: datetime) -> None:
    """A process was started and ended before it listened. Only for the holder of the account's lock."""
    ledger = Ledger.read(settings.ledger_path)
    if not ledger.is_open:  # it did not even get that far
        ledger.start(0, "", now)
    ledger.end(Ended(reason="crashed", detail="the session process ended before it was ready"), now)
    ledger.write(settings.ledger_path)


def note_end_elsewhere(settings: Settings, ended: Ended, now: datetime) -> None:
    """The process of another machine has ended, for this reason. Only for the holder of the account's lock.

    Raises:
        OSError: the ledger cannot be written.
    """
    ledger = Ledger.read(settings.ledger_path)
    ledger.start(0, "", now)
    ledger.end(ended, now)
    ledger.erase |= ended.reason == "logged_out_here"
    ledger.write(settings.ledger_path)


def _brought_up_to_date(settings: Settings, wanted: Wanted, now: datetime) -> Ledger:
    ledger = Ledger.read(settings.ledger_path)
    before = ledger.model_copy()
    if ledger.is_open:
        ledger.end(Ended(reason="crashed", detail="the session process ended unexpectedly"), now)
    if ledger.erase or wanted.erase:
        remove_session(settings.keys)
        if ledger.erase_messages or wanted.erase_messages:
            database_at(settings.store).remove()
        ledger.end(Ended(reason="logged_out_here"), now)
        ledger.erase = ledger.erase_messages = False
    if wanted.at_once:
        ledger.forgive()
    if ledger != before:
        ledger.write(settings.ledger_path)
    return ledger
