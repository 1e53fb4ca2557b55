"""Opening a local file that may be sent, and nothing else.

The path is resolved first, so that symbolic links inside the allowed folders keep working (on Windows they do not),
and judged as resolved. Then it is opened from the allowed folder on, following no link at all: whatever is exchanged
between the judgement and the opening, the descriptor belongs to a file below that folder or there is none
(``platform/below.py``). What is read afterwards comes from that descriptor.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from whatsapp_mcp.errors import InvalidArgument, NotAllowed
from whatsapp_mcp.media.policy import MediaPolicy
from whatsapp_mcp.platform.below import is_no_path, is_there, kernel_folders, locate, open_below
from whatsapp_mcp.platform.refused import ClosedPlace, SecondName

_MAX_PATH: Final = 4096
_MESSAGE_ID: Final = re.compile(r"(?:message:)?[0-9A-F]{12,64}(?: from \S+@\S+.*)?")
_FOLDERS: Final = (
    "another outbox folder (WHATSAPP_MCP_OUTBOX), or to let the roots of this client be one (WHATSAPP_MCP_CLIENT_ROOTS)"
)
_FORWARD: Final = "forwardMessage sends on what came with a message: pass its message_id. Or name a file in an outbox."


@contextmanager
def opened(source: str, *, field: str, policy: MediaPolicy) -> Iterator[tuple[int, str]]:
    """Open a file of an outbox folder; gives its descriptor and its name. Blocking: call it in a worker thread.

    Args:
        source: absolute, or relative to an outbox folder (the first one that has it); ``~`` is the home folder.

    Raises:
        NotAllowed: it lies outside the outbox folders or inside the data directory, or has a name elsewhere too.
        InvalidArgument: it does not exist, is not a regular file, or cannot be read.
    """
    root, resolved = _judge(source, field=field, policy=policy)
    try:
        descriptor = open_below(root, resolved, policy.forbidden)
    except (FileNotFoundError, NotADirectoryError):
        raise _no_such_file(source, field, policy) from None
    except ClosedPlace:
        raise _outside(source, field, policy) from None
    except SecondName:
        raise NotAllowed(
            f"{field}: this file has several names (hard links) and may belong elsewhere.",
            next_step="Send a copy of it: `cp` makes one that has a single name.",
            details={"field": field},
        ) from None
    except OSError:
        raise InvalidArgument(f"{field}: this file cannot be read.", field=field) from None
    try:
        if descriptor is None:
            raise InvalidArgument(f"{field}: not a regular file.", field=field, next_step="Pass the path of a file.")
        yield descriptor, resolved.name
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _judge(source: str, *, field: str, policy: MediaPolicy) -> tuple[Path, Path]:
    """The allowed folder and the resolved path below it. Says the same of a forbidden path whether it exists or not."""
    if not source or len(source) > _MAX_PATH or is_no_path(source):
        if _MESSAGE_ID.fullmatch(source):  # with a colon, which Windows has in no name
            raise _no_such_file(source, field, policy)
        raise InvalidArgument(f"{field}: this is no file path.", field=field)
    outbox = [folder.expanduser() for folder in policy.outbox]
    roots = [Path(os.path.realpath(folder)) for folder in outbox]
    given = Path(source)
    try:
        given = given.expanduser()
    except RuntimeError:
        raise InvalidArgument(f"{field}: there is no such home folder.", field=field) from None
    candidates = [locate(folder, given) for folder in outbox]
    allowed = [
        (root, resolved)
        for resolved in candidates
        for root in roots
        if resolved != root and resolved.is_relative_to(root) and not _is_closed(resolved, policy.forbidden)
    ]
    if not allowed:
        raise _outside(source, field, policy)
    return next((pair for pair in allowed if is_there(pair[1])), allowed[0])


def _is_closed(resolved: Path, forbidden: Path) -> bool:
    closed = (*kernel_folders(), Path(os.path.realpath(forbidden)))
    return any(resolved.is_relative_to(folder) for folder in closed)


def _is_of_a_message(source: str, policy: MediaPolicy) -> bool:
    """Whether this looks like the id of a message, or lies where received files are kept."""
    if _MESSAGE_ID.fullmatch(source):
        return True
    try:
        return Path(os.path.realpath(Path(source).expanduser())).is_relative_to(os.path.realpath(policy.forbidden))
    except (OSError, RuntimeError, ValueError):
        return False


def came_with_a_message(field: str) -> NotAllowed:
    """What to say of a received file, and of what names the message that brought it."""
    return NotAllowed(
        f"{field}: this names no file of an outbox folder, but what came with a message.",
        next_step=_FORWARD,
        details={"field": field},
    )


def _outside(source: str, field: str, policy: MediaPolicy) -> NotAllowed:
    if _is_of_a_message(source, policy):
        return came_with_a_message(field)
    if not policy.outbox:
        return NotAllowed(
            f"{field}: this server sends no local files (no outbox folder is configured).",
            next_step=f"Pass an https:// link or a data: URI, or ask who runs the server for {_FOLDERS}.",
            details={"field": field},
        )
    return NotAllowed(
        f"{field}: only files inside an outbox folder can be sent.",
        next_step=f"Put the file into {_listed(policy)} and pass that path, or pass an https:// link or a data: URI; "
        f"or ask who runs the server for {_FOLDERS}.",
        details={"field": field},
    )


def _no_such_file(source: str, field: str, policy: MediaPolicy) -> InvalidArgument:
    if _is_of_a_message(source, policy):
        return InvalidArgument(
            f"{field}: this is no file in the outbox, but looks like the id of a message.",
            field=field,
            next_step=_FORWARD,
        )
    return InvalidArgument(
        f"{field}: there is no such file in the outbox.",
        field=field,
        next_step=f"Check the name; files are looked up in {_listed(policy)}.",
    )


def _listed(policy: MediaPolicy) -> str:
    return " or ".join(str(folder) for folder in policy.outbox)
