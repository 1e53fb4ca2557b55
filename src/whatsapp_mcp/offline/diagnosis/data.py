"""Checks of the data directory: folder, modes, session, message store, disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from whatsapp_mcp.account_folder import (
    BEING_REMOVED,
    accounts_in,
    check_account,
    name_for_neonize,
    shared_files,
    take_back,
)
from whatsapp_mcp.errors import NotInstalled, SetupError
from whatsapp_mcp.offline.diagnosis.checks import Check, ok, problem, warning
from whatsapp_mcp.offline.diagnosis.report import MediaStatus, SessionStatus, StoreStatus
from whatsapp_mcp.platform.ownership import how_to_close, not_ours_alone, others_may_change, others_may_read
from whatsapp_mcp.settings import Settings
from whatsapp_mcp.store.engine.sqlite.files import RESERVE
from whatsapp_mcp.store.engine.sqlite.inspection import find_index_fault, index_is_outdated
from whatsapp_mcp.waiting import waits_for

INSIDE_SECONDS: Final = 60.0
"""For damage inside a database, for each of them; a million messages take some seconds."""
_TOO_LARGE: Final = f"too large to be checked to the end in {INSIDE_SECONDS:.0f} seconds"
_LITTLE_SPACE: Final = 500_000_000
"""Bytes."""


def check_accounts(settings: Settings) -> Iterator[Check]:
    for left in sorted(settings.data_dir.glob(f"{BEING_REMOVED}*")):
        yield warning("account", f"{left} is left of an account whose removal was interrupted", f"Delete {left}.")
    try:
        check_account(settings.account_dir)
    except SetupError as error:
        yield problem("account", error.message, error.next_step)
        return
    others = [name for name in accounts_in(settings.data_dir) if name != settings.account]
    yield ok("account", f"{settings.account}; others: {', '.join(others)}" if others else settings.account)


def check_folder(settings: Settings) -> Check:
    folder = settings.account_dir
    existing = _nearest(folder)
    if not existing.is_dir():
        return problem("data-dir", f"{existing} is not a folder", "Choose another folder with --data-dir.")
    if not os.access(existing, os.W_OK | os.X_OK):
        return problem(
            "data-dir",
            f"{existing} is not writable for this user",
            "Choose another folder with --data-dir or WHATSAPP_MCP_DATA_DIR, or change its owner.",
        )
    return ok("data-dir", f"{folder}" if existing == folder else f"{folder} (made at the first start)")


def _nearest(path: Path) -> Path:
    """``path``, or the closest folder above it that exists and can be looked at."""
    for candidate in (path, *path.parents):
        try:
            if candidate.exists():
                return candidate
        except OSError:
            continue
    return path


def check_modes(settings: Settings) -> Iterator[Check]:
    """Keys and messages lie there: nobody else may read them. By modes; on Windows by access lists."""
    if not settings.account_dir.is_dir():
        return
    fine = True
    if (by := others_may_change(settings.data_dir)) is not None:
        fine = False
        yield problem("modes", f"others can write to {settings.data_dir} ({by})", how_to_close(settings.data_dir))
    if (by := others_may_read(settings.account_dir)) is not None:
        fine = False
        yield problem(
            "modes", f"others can look into {settings.account_dir} ({by})", how_to_close(settings.account_dir)
        )
    closed = by is None
    for path in sorted(settings.account_dir.iterdir()):
        if path.is_symlink() or not path.is_file() or (by := others_may_read(path)) is None:
            continue
        fine = False
        if closed:
            yield warning("modes", f"{path.name} has {by}; only its folder protects it", how_to_close(path))
        else:
            yield problem("modes", f"{path.name} has {by}: others can read it", how_to_close(path))
    if fine:
        yield ok("modes", "folder and files are closed to others")


def check_owners(settings: Settings) -> Iterator[Check]:
    """Nobody else may own what lies there, or have another name for it: the server would refuse to start."""
    if not settings.account_dir.is_dir():
        return
    fine = True
    for folder in (settings.data_dir, settings.account_dir):
        if (why := not_ours_alone(folder.lstat()) or not_ours_alone(folder.stat())) is not None:
            fine = False
            yield problem("owners", f"{folder} {why}", "Run this command as the server's user, or change its owner.")
    for path, why in shared_files(settings.account_dir):
        fine = False
        yield problem("owners", f"{path} {why}", take_back(path))
    if fine:
        yield ok("owners", "folder and files are yours alone")


def check_session_path(settings: Settings) -> Check | None:
    """What the server would refuse to start with."""
    try:
        name_for_neonize(settings.keys)
    except (SetupError, NotInstalled) as error:
        return problem("session", error.message, error.next_step)
    return None


def check_session(session: SessionStatus) -> Check:
    if session.problem is not None:
        again = f"Move {session.path} away and link the account again; messages are kept."
        return problem("session", session.problem, session.next_step or again)
    if session.path is not None and not session.path.exists():
        return ok("session", "no account is linked yet")
    said = f"linked as {session.jid}" if session.linked else "no account is linked"
    said += f"; the keys are in {session.database}" if session.database is not None else ""
    return ok("session", said if session.checked else f"{said}; {_TOO_LARGE}")


def check_store(store: StoreStatus) -> Iterator[Check]:
    """The message store and, where it is sound, its search index."""
    if store.problem is not None:
        yield problem("store", store.problem, store.next_step or "Run this command as the server's user.")
        return
    if not store.exists:
        yield ok("store", "no messages yet")
        return
    said = f"{quantity(store.messages, 'message')} in {quantity(store.chats, 'chat')}"
    yield ok("store", said if store.checked else f"{said}; {_TOO_LARGE}")
    if store.path is not None:
        yield _check_index(store.path)


def _check_index(path: Path) -> Check:
    if index_is_outdated(path):
        return warning(
            "search-index",
            "of an older version of this program; searches do not work until it is made anew",
            "The next session process does it at its start, in half a minute; or run `whatsapp-mcp reindex`.",
        )
    with waits_for("looking into the search index"):
        fault, complete = find_index_fault(path, limit=INSIDE_SECONDS)
    if fault is not None:
        return problem(
            "search-index",
            f"searches find too little or something wrong: {fault}",
            "Run `whatsapp-mcp reindex`; servers may run meanwhile.",
        )
    return ok("search-index", "holds the messages" if complete else _TOO_LARGE)


def check_received_media(media: MediaStatus) -> Check:
    if media.problem is not None:
        return problem("received-media", media.problem, media.next_step or "Run this command as the server's user.")
    return ok("received-media", f"{media_extent(media)} in {media.place}")


def media_extent(media: MediaStatus) -> str:
    """How much it is, in words."""
    said = f"{quantity(media.files, 'file')}, {media.bytes / 1e6:,.1f} MB"
    return said if media.complete else f"more than {said}"


def check_disk(settings: Settings) -> Check:
    folder = _nearest(settings.account_dir)
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return warning("disk", f"free space of {folder} cannot be told: {error.strerror}", "Look with `df`.")
    said = f"{free / 1e9:,.1f} GB free"
    if free < RESERVE:
        return problem("disk", f"{said}: messages cannot be stored", "Free some space on that disk.")
    if free < _LITTLE_SPACE:
        return warning("disk", said, "Free some space on that disk.")
    return ok("disk", said)


def quantity(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
