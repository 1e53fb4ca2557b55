"""How commands end: the exit codes, once, and every error as one line that says what and one that says what to do.

docs/terminal.md has the same table; a test compares them.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Final, NoReturn

import click

from whatsapp_mcp.cli.saying import JSON_WANTED, failed, say
from whatsapp_mcp.errors import (
    AmbiguousRecipient,
    ConfirmationNeeded,
    InvalidArgument,
    NotAllowed,
    NotFound,
    RateLimited,
    SessionError,
    WhatsAppMcpError,
)
from whatsapp_mcp.untrusted_text import escaped


class Exit(IntEnum):
    """The exit codes of all commands."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    SESSION = 3
    NOT_FOUND = 4
    NOT_ALLOWED = 5
    NOTHING_CAME = 6
    INTERRUPTED = 130
    READER_GONE = 141
    TERMINATED = 143

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS: Final = {
    Exit.DONE: "Done.",
    Exit.FAILED: "Not done: WhatsApp, the network, a file, a setting or the installation; `doctor` found problems; "
    "the answer to a question was no; `status`: not well; `verify`: something differs; `upgrade-check`: there "
    "is something newer.",
    Exit.USAGE: "The command line is wrong; the message names the option. `verify`: it could not run, or was "
    "interrupted.",
    Exit.SESSION: "The account is not linked, or not connected (logged out, replaced, outdated, banned), or in use.",
    Exit.NOT_FOUND: "There is no such chat, person, message or file, or a name fits several.",
    Exit.NOT_ALLOWED: "The policy forbids it, a limit is reached, or the owner has to agree first "
    "(`whatsapp-mcp approve`).",
    Exit.NOTHING_CAME: "`wait`: nothing came in time.",
    Exit.INTERRUPTED: "Interrupted with Ctrl-C; nothing is left half done.",
    Exit.READER_GONE: "Whoever read the output has enough, as in `| head`.",
    Exit.TERMINATED: "Ended by a signal, as `kill` sends it.",
}

_CODES: Final[tuple[tuple[type[WhatsAppMcpError], Exit], ...]] = (
    (NotFound, Exit.NOT_FOUND),
    (AmbiguousRecipient, Exit.NOT_FOUND),
    (NotAllowed, Exit.NOT_ALLOWED),
    (ConfirmationNeeded, Exit.NOT_ALLOWED),
    (RateLimited, Exit.NOT_ALLOWED),
    (InvalidArgument, Exit.USAGE),
    (SessionError, Exit.SESSION),
)


def exit_code(error: WhatsAppMcpError) -> Exit:
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.FAILED)


def tell(message: str, next_step: str = "") -> None:
    """An error, in the one style that all have."""
    say(f"whatsapp-mcp: {message}", err=True)
    if next_step:
        say(next_step, err=True)


def tell_error(error: WhatsAppMcpError) -> None:
    """On standard error; with `--json` also, for the program that asked, where it reads."""
    context = click.get_current_context(silent=True)
    if context is not None and context.meta.get(JSON_WANTED):
        failed(error)
    tell(error.message, error.next_step)
    for candidate in error.details.get("candidates", ()):
        click.echo(escaped(f"  {candidate['jid']}  {candidate['name']}"), err=True)


@contextmanager
def explained(code: int | None = None) -> Iterator[None]:
    """An error of ours ends the command with its message and next step, not with a traceback; ``code``: in place of the
    exit code of its kind."""
    try:
        yield
    except WhatsAppMcpError as error:
        tell_error(error)
        sys.exit(exit_code(error) if code is None else code)


def run(main: Callable[[], object]) -> NoReturn:
    """Run a command to its end, whatever the end is. ``main`` returns or raises its exit code."""
    try:
        with explained(), whole_output():
            code = main()
    except click.ClickException as error:
        _tell_usage(error)
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort) as end:
        interrupted = isinstance(end, KeyboardInterrupt) or isinstance(end.__cause__, KeyboardInterrupt)
        code = Exit.INTERRUPTED if interrupted else Exit.FAILED
    sys.exit(code if isinstance(code, int) else Exit.DONE)


@contextmanager
def whole_output() -> Iterator[None]:
    """What was written has reached its reader when this is left, or the command ends as one that could not be read."""
    from whatsapp_mcp.platform.handles import nobody_reads

    try:
        try:
            yield
        finally:
            if sys.stdout is not None:  # it was closed when the command was started
                sys.stdout.flush()
    except OSError as error:
        if nobody_reads(error):
            _let_go_of_output()
            sys.exit(Exit.READER_GONE)
        if error.filename is not None:
            tell(f"{error.filename}: {error.strerror}", "Look who owns it, whether it is there, and what it is.")
        elif error.errno in _OUTPUT_ERRORS:
            _let_go_of_output()
            tell(
                f"standard output cannot be written to: {error.strerror}",
                "Lead it to a file or device that has room.",
            )
        else:
            tell(
                f"the system refused it: {error.strerror or type(error).__name__}", "`whatsapp-mcp doctor` may say why."
            )
        sys.exit(Exit.FAILED)


_OUTPUT_ERRORS: Final = frozenset({errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT})


def _let_go_of_output() -> None:
    """What is still in the buffer would fail once more when Python ends."""
    from whatsapp_mcp.platform.handles import lead_nowhere

    lead_nowhere(sys.stdout.fileno())


def _tell_usage(error: click.ClickException) -> None:
    message = error.format_message().rstrip(".")
    for theirs, ours in _PLAINER:
        message = message.replace(theirs, ours)
    context = error.ctx if isinstance(error, click.UsageError) else None
    tell(
        message[:1].lower() + message[1:],
        f"`{context.command_path} --help` shows how it is used." if context is not None else "",
    )


_PLAINER: Final = (
    ("is not a valid integer range", "is not a whole number"),
    ("is not a valid integer", "is not a whole number"),
    ("is not a valid float range", "is not a number"),
    ("is not a valid float", "is not a number"),
)
"""What click says, and what a person understands."""
